#!/usr/bin/env bash
# The figures of docs/results.md: real frames become two sets, six networks learn from the one and are measured on the other.
#
#   scripts/results.sh DATA OUT [PYTHON]
#
# DATA holds nyuv2_mirrored/ and teacher_deeplab/ as docs/results.md describes them; PYTHON has NumPy and zarr-python. A run that was
# interrupted goes on where it was. Two runs of one thread each are done at a time, as the figures were.
# STEPS=2 tries the script itself.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
python=${3:-python3}
here=$(cd "$(dirname "$0")/.." && pwd)
(cd "$here" && scripts/setup.sh && cargo build --release --bins)
bin=$here/target/release
cd "$2"

# The 60 highest indices are held out.
frames=$(cd "$data/nyuv2_mirrored/images" && ls | sed 's/\.jpg$//' | sort -n)
link() {
    local part=$1 kind
    mkdir -p "frames/$part"/{images,depths,labels40}
    while read -r i; do
        for kind in images/$i.jpg depths/$i.png labels40/$i.png; do
            ln -sf "$data/nyuv2_mirrored/$kind" "frames/$part/$kind"
        done
    done
}
head -n -60 <<<"$frames" | link train
tail -n 60 <<<"$frames" | link val
for part in train val; do
    "$bin/sdprep" convert folder "frames/$part" --preset nyuv2-mirrored --split "$part" --out "sets/$part"
    "$bin/sdprep" labels merge "sets/$part" --pseudo "$data/teacher_deeplab/nyuv2_mirrored" --base 0 --mirror --out "shards/$part"
done

# run NAME OPTIONS...
run() {
    local name=$1
    shift
    "$bin/sdtrain" shards/train --val shards/val --out "runs/$name" --model dss-nano --size 192x256 --batch 4 --steps "${STEPS:-3000}" \
        --augment off --validate-every 500 --checkpoint-every 100 --threads 1 "$@" >>"runs/$name.log" 2>&1
}
mkdir -p runs
# seed NUMBER: what that seed learns without a mix, without an exchange, with mixes.
seed() {
    run "lg_cat-$1" --seed "$1"
    run "none-$1" --seed "$1" --exchange none
    run "nearfarmix-$1" --seed "$1" --mix nearfarmix=0.5
}
seed 1 &
other=$!
seed 2
wait "$other" # and ends here when one of its runs has failed

"$bin/sdtrain" curves runs/*/ --out curves.png

"$python" "$here/benches/python/baselines.py" shards/train shards/val baselines
for name in constant median; do
    "$bin/sdtrain" metrics --pred "baselines/$name" --gt shards/val --json >"baselines/$name.json"
done
{
    echo "| prediction | AbsRel | RMSE, m | d1 | mIoU |"
    echo "| --- | --- | --- | --- | --- |"
    for file in baselines/*.json runs/*/eval.json; do
        "$python" - "$file" <<'PY'
import json, sys
path, found = sys.argv[1], json.load(open(sys.argv[1], encoding="utf-8"))
depth, classes = found["full"]["average"], found.get("semantics")
name = path.split("/")[-2] if path.endswith("eval.json") else path.split("/")[-1][:-5]
miou = f"{classes['miou']:.4f}" if classes else ""
print(f"| {name} | {depth['abs_rel']:.4f} | {depth['rms']:.4f} | {depth['d1']:.4f} | {miou} |")
PY
    done
} | tee table.md
