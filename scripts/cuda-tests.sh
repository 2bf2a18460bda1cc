#!/usr/bin/env bash
# Builds the tests that run on a GPU, and links them into FOLDER as operations and golden: cuda-tests.sh FOLDER [ARGUMENTS OF CARGO...]
set -euo pipefail
folder=$1
shift
cargo test --release --no-run --lib --test train_golden --manifest-path "$(dirname "$0")/../Cargo.toml" "$@" --message-format json |
    python3 -c 'import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    name = {"semdepth": "operations", "train_golden": "golden"}.get(message.get("target", {}).get("name"))
    if name and message.get("executable") and message["profile"]["test"]:
        link = os.path.join(sys.argv[1], name)
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(message["executable"], link)' "$folder"
