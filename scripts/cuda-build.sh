#!/usr/bin/env bash
# Builds sdtrain for CUDA on a machine that needs no GPU, no driver and no CUDA toolkit, and gathers everything it needs to run
# on one that has a GPU but no Rust, no network and no HDF5:
#
#   scripts/cuda-build.sh [--cuda 13] [--arch 90] [--check] [OUT]
#
# OUT (usual: target/cuda-dist) then holds sdtrain, the tests of operations and of the golden values, gpu-check.sh, the network in
# PyTorch, and the headers that are compiled at run time with a script that puts them where sdtrain looks for them (install.sh). --cuda is the major version of the
# CUDA libraries on the GPU machine, --arch the compute capability without the point (80 A100, 89 RTX 40, 90 H100 and H200).
# --check lints without linking, and passes with a line when the compiler cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."

major=13 arch=90 check='' out=target/cuda-dist
while [ $# -gt 0 ]; do
    case "$1" in
    --cuda) major=$2 && shift 2 ;;
    --arch) arch=$2 && shift 2 ;;
    --check) check=1 && shift ;;
    -*) echo "unknown option $1; see the head of $0" >&2 && exit 2 ;;
    *) out=$1 && shift ;;
    esac
done

# dfdx compiles some kernels at run time and bakes the paths of their headers into the program: the toolkit's include folder and
# the build folder of dfdx. Both must be the same on both machines, so both lie below a folder that anyone may make.
home=/var/tmp/semdepth-cuda-$major
toolkit=$home/toolkit
mkdir -p "$toolkit/lib64" "$home/bin"

# The compiler comes from PyPI, one release of each major version.
case "$major" in
13) packages=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-cccl==13.0.85 nvidia-cuda-runtime==13.0.96) ;;
12) packages=(nvidia-cuda-nvcc-cu12==12.9.86 nvidia-cuda-cccl-cu12==12.9.27 nvidia-cuda-runtime-cu12==12.9.79) ;;
*) echo "CUDA $major is not known here: add its compiler's packages to $0" >&2 && exit 2 ;;
esac
venv=$home/venv
if [ ! -f "$venv/complete" ]; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"; }; then
        echo "the CUDA compiler cannot be installed (${packages[*]})" >&2
        [ -n "$check" ] && echo "feature cuda: not checked" && exit 0
        exit 1
    fi
    touch "$venv/complete"
fi
site=$(echo "$venv"/lib/python3*/site-packages/nvidia)
nvcc=$(find "$site" -name nvcc -type f | head -n 1)
include=$(dirname "$(find "$site" -name cuda.h | head -n 1)")
[ -x "$nvcc" ] || { echo "no nvcc in ${packages[*]}" >&2 && exit 1; }
ln -sfn "$include" "$toolkit/include"

# dfdx asks nvidia-smi what to compile for, even when it is told.
cat >"$home/bin/nvidia-smi" <<SMI
#!/bin/sh
echo compute_cap
echo $((arch / 10)).$((arch % 10))
SMI
chmod +x "$home/bin/nvidia-smi"

export CUDA_PATH=$toolkit CUDA_COMPUTE_CAP=$arch PATH="$home/bin:$(dirname "$nvcc"):$PATH"
features=(--no-default-features --features fused --config "$(scripts/dfdx-open.sh "$home/dfdx")")
if [ -n "$check" ]; then
    cargo clippy --quiet --no-deps --lib --bin sdtrain --test train_golden "${features[@]}" -- -D warnings
    echo "feature cuda: checked for sm_$arch with CUDA $major"
    exit 0
fi

# Libraries to link against that hold nothing but the names: the real ones are found on the GPU machine.
fetch=$(scripts/crate-folder.sh cudarc "${features[@]}")
stub() { # library, soname, files that declare its functions
    local library=$1 soname=$2
    shift 2
    cat "$@" | grep -oE '\bpub fn [A-Za-z0-9_]+ *\(' | sed -E 's/pub fn ([A-Za-z0-9_]+).*/void \1(void) {}/' | sort -u |
        cc -w -fno-builtin -shared -Wl,-soname,"$soname" -o "$toolkit/lib64/lib$library.so" -x c -
}
stub cuda libcuda.so.1 "$fetch/src/driver/sys.rs"
stub nvrtc "libnvrtc.so.$major" "$fetch/src/nvrtc/sys.rs"
stub cublas "libcublas.so.$major" "$fetch/src/cublas/sys.rs"
stub cublasLt "libcublasLt.so.$major" "$fetch/src/cublaslt/sys.rs"

export CARGO_TARGET_DIR=$home/target
cargo build --release --bin sdtrain "${features[@]}"
rm -rf "$out"
mkdir -p "$out"
cp "$home/target/release/sdtrain" scripts/gpu-check.sh "$out/"
scripts/cuda-tests.sh "$home/bin" "${features[@]}"
cp "$home"/bin/{operations,golden} "$out/"
mkdir "$out/pytorch"
cp benches/pytorch/{dss,products,step}.py "$out/pytorch/"
cp benches/python/step_times.py "$out/"
headers=("${toolkit#/}/include")
while read -r file; do headers+=("${file#/}"); done < <(find "$home/target/release/build" -path '*/dfdx-*/out/*.cuh')
tar -C / -h --exclude=cccl -czf "$out/headers.tar.gz" "${headers[@]}"
cat >"$out/install.sh" <<'INSTALL'
#!/bin/sh
# Puts the headers where sdtrain looks for them: below the folder it was built in.
set -e
cd "$(dirname "$0")"
tar -C / -xzf headers.tar.gz
echo "headers installed; try ./sdtrain doctor --device cuda:0"
INSTALL
chmod +x "$out/install.sh"
du -h "$out"/* >&2
echo "$out: carry it to the GPU machine, run install.sh, then gpu-check.sh"
