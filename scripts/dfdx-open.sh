#!/usr/bin/env bash
# Copies dfdx to FOLDER, opens one door of it, and prints what makes cargo build with the copy:
#
#   scripts/dfdx-open.sh FOLDER
#
# The fused kernels for CUDA (feature fused) read the memory of tensors. dfdx 0.13 has the trait that gives it, `Tensorlike`, but keeps
# it to itself; its main branch has since made it public (pull request 845), and so does the copy. Nothing else is changed, but that it
# is compiled without warnings like all of the registry.
set -euo pipefail
folder=$1
closed='pub(crate) use tensorlike::Tensorlike;' opened='pub use tensorlike::Tensorlike;'
if ! grep -qs "^$opened" "$folder/src/tensor/mod.rs"; then
    source=$("$(dirname "$0")/crate-folder.sh" dfdx --no-default-features --features cuda)
    grep -q "^$closed" "$source/src/tensor/mod.rs" || { echo "dfdx in $source has no closed door" >&2 && exit 1; }
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    cp -r "$source" "$folder"
    chmod -R u+w "$folder"
    sed -i '1i #![allow(warnings)]' "$folder/src/lib.rs"
    sed -i "s/^$closed/$opened/" "$folder/src/tensor/mod.rs"
fi
echo "paths=[\"$(realpath "$folder")\"]"
