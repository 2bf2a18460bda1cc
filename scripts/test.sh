#!/usr/bin/env bash
# All tests: Rust, the examples in the documentation, and the sets as Python's Zarr readers see them.
# Tests on real data run when SEMDEPTH_REAL_DATA names the folder that holds it.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh python
cargo test --workspace --features teacher --no-fail-fast

venv=target/interop-venv
if ! cmp -s tests/interop/requirements.txt "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
    cp tests/interop/requirements.txt "$venv/installed.txt"
fi
# The tests have built it: building it alone would build its dependencies anew, with fewer features.
printf '%s\n' tests/interop/check_*.py | xargs -P 2 -I CHECK "$venv/bin/python" CHECK target/debug/sdprep
