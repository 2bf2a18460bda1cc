#!/usr/bin/env bash
# The folder of the sources of a crate that this one needs: crate-folder.sh NAME [ARGUMENTS OF CARGO METADATA...]
set -euo pipefail
name=$1
shift
cargo metadata --format-version 1 --manifest-path "$(dirname "$0")/../Cargo.toml" "$@" |
    python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == sys.argv[1]:
        print(os.path.dirname(package["manifest_path"]))' "$name"
