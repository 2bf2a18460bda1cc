#!/usr/bin/env bash
# Installs the system packages that the build needs and a fresh Debian or Ubuntu lacks: libhdf5 and pkg-config,
# and Python's venv when "python" is given (for the tests that read our sets from Python).
set -euo pipefail

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
{ command -v pkg-config >/dev/null && pkg-config --exists hdf5; } || missing+=(libhdf5-dev)
if [ "${1:-}" = python ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: install the HDF5 library with its headers and pkg-config, then run this again" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "run as root once: apt-get install ${missing[*]}" >&2; exit 1; }
    root=(sudo)
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
