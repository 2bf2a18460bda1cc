#!/usr/bin/env bash
# Prints ratios against the codec limit, against bare decompression, and peak memory.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cargo bench --bench convert
