#!/usr/bin/env bash
# Runs sdtrain's CUDA code without a GPU and without anything of NVIDIA's: builds feature cuda against a stand-in for the compiler
# and the libraries (tests/cuda_standin), which runs dfdx's own kernels on the processor.
#
#   scripts/cuda-standin.sh [COMMAND...]
#   scripts/cuda-standin.sh --check
#
# --check builds sdtrain alone, with the tests' settings, and runs its doctor; it passes with a line where there is no g++.
#
# COMMAND finds sdtrain, gpu-check.sh and two sets of tests, operations and golden, first on its path; without one, this says where
# they are:
#
#   scripts/cuda-standin.sh sdtrain doctor --device cuda:0
#   scripts/cuda-standin.sh operations train::op
#   scripts/cuda-standin.sh env SEMDEPTH_GOLDEN=FOLDER golden --test-threads 1
#
# SEMDEPTH_STANDIN_COUNTS=FILE writes a table of what was asked of the device (launches, products, copies, memory),
# SEMDEPTH_STANDIN_PLACES=FILE from where in the program (read it with tests/cuda_standin/places.py), SEMDEPTH_STANDIN_GUARD=1
# ends a program whose kernels leave their memory. What this proves is the host's code and the logic of kernels: no races, no
# rounding of a GPU, no speed. It needs g++ and Rust; everything lands in SEMDEPTH_STANDIN_HOME (usual: /var/tmp/semdepth-cuda-standin).
set -euo pipefail
check=''
if [ "${1:-}" = --check ]; then
    command -v g++ >/dev/null || { echo "feature cuda: not run, there is no g++" && exit; }
    check=1
fi
root=$(cd "$(dirname "$0")/.." && pwd)
sources=$root/tests/cuda_standin
home=${SEMDEPTH_STANDIN_HOME:-/var/tmp/semdepth-cuda-standin}
toolkit=$home/toolkit
bin=$home/bin
target=${CARGO_TARGET_DIR:-$home/target}
mkdir -p "$toolkit/lib64" "$home/cache" "$bin" "$home/tools"
features=(--no-default-features --features fused --config "$("$root/scripts/dfdx-open.sh" "$home/dfdx")")
manifest=(--manifest-path "$root/Cargo.toml")

# changed NAME FILES...: whether they differ from when `done_with NAME` was last said.
changed() {
    local name=$1
    shift
    cat "$@" | sha256sum >"$home/$name.next"
    ! cmp -s "$home/$name.next" "$home/$name.last"
}
done_with() { mv "$home/$1.next" "$home/$1.last"; }

# All four libraries in one, which programs load by its path.
library() {
    local declared
    declared=$("$root/scripts/crate-folder.sh" cudarc "${features[@]}")/src
    {
        echo '#include "missing.h"'
        cat "$declared"/{driver,nvrtc,cublas,cublaslt}/sys.rs | grep -oE '\bpub fn [A-Za-z0-9_]+ *\(' |
            sed -E 's/pub fn ([A-Za-z0-9_]+).*/MISSING(\1)/' | sort -u
    } >"$home/missing.cpp"
    local all=("$sources"/*.cpp "$home/missing.cpp") library=$toolkit/lib64/libcuda.so
    g++ -std=c++17 -O3 -march=native -g -Wall -Wextra -fPIC -shared -fvisibility=hidden -Wno-unused-variable -Wno-unused-function \
        -I"$sources" "-DSTANDIN_SOURCES=\"$sources\"" "-DSTANDIN_CACHE=\"$home/cache\"" "${all[@]}" -ldl \
        -Wl,-soname,"$library" -o "$library"
    for name in nvrtc cublas cublasLt; do ln -sf libcuda.so "$toolkit/lib64/lib$name.so"; done
}

if changed library "$sources"/*.{cpp,h} "$sources"/include/standin.h "$0"; then
    library && done_with library
fi
ln -sfn "$sources/include" "$toolkit/include"
ln -sf "$sources"/{nvcc,nvidia-smi} "$home/tools/"

# Optimising across crates takes minutes and makes nothing of interest here faster.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CUDA_PATH=$toolkit CUDA_COMPUTE_CAP=90 CARGO_TARGET_DIR=$target PATH=$bin:$home/tools:$PATH
# cargo knows nothing of what kernels are compiled with.
if changed kernels "$sources"/nvcc "$sources"/include/*; then
    rm -f "$home"/cache/*
    for profile in dev release; do cargo clean "${manifest[@]}" --profile $profile --package dfdx 2>/dev/null; done
    done_with kernels
fi
if [ -n "$check" ]; then
    cargo build --quiet --bin sdtrain "${manifest[@]}" "${features[@]}" >&2
    exec "$target/debug/sdtrain" doctor --device cuda:0
fi
cargo build --quiet --release --bin sdtrain "${manifest[@]}" "${features[@]}" >&2
"$root/scripts/cuda-tests.sh" "$bin" --quiet "${features[@]}"
ln -sf "$target/release/sdtrain" "$bin/sdtrain"
ln -sf "$root/scripts/gpu-check.sh" "$bin/gpu-check.sh"
ln -sfn "$root/benches/pytorch" "$bin/pytorch"

[ $# -gt 0 ] || { echo "$bin" && exit; }
exec "$@"
