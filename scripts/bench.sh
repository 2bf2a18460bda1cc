#!/usr/bin/env bash
# Prints ratios against the codec limit, bare decompression, memory bandwidth, NumPy and PyTorch, and peak memory.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cargo bench --bench convert --bench labels --bench mix --bench train
