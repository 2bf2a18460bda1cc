#!/usr/bin/env bash
# From nothing to a trained network and pictures: makes a NYU-layout MAT file and a KITTI tree of synthetic scenes, converts
# both through the true readers, checks them, merges labels, mixes, trains a small network, evaluates it and lets it look at
# pictures. Downloads no data. Everything goes to demo/.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cargo build --release --bins
bin=$PWD/target/release
sdprep() { echo; echo "\$ sdprep $*"; "$bin/sdprep" "$@"; }
sdtrain() { echo; echo "\$ sdtrain $*"; "$bin/sdtrain" "$@"; }
rm -rf demo
mkdir demo
cd demo

# Rooms as NYU Depth v2, roads as KITTI.
sdprep synth indoor --count 24 --seed 7 --as nyu-mat --out data/nyu_depth_v2_labeled.mat
sdprep convert nyu --split train --out shards/nyu-train
sdprep convert nyu --split test --out shards/nyu-test
sdprep synth road --count 6 --seed 7 --as kitti --out data/kitti
sdprep convert kitti data/kitti --depth annotated --out shards/kitti-annotated
sdprep convert kitti data/kitti --depth project --out shards/kitti-projected

sdprep verify shards
sdprep inspect shards/nyu-train
sdprep stats shards/nyu-train --chart stats-nyu.svg
sdprep view shards/nyu-train --count 4 --out nyu.png
sdprep view shards/kitti-annotated --count 3 --out kitti.png
sdprep report shards --out report

# A teacher's maps meet the ground truth. No teacher is at hand: the set's own maps, as PNG files, stand in for it.
sdprep export shards/nyu-train --to png --out teacher
sdprep labels merge shards/nyu-train --pseudo teacher/semantics --base 0 --out shards/nyu-merged

# Mixed samples besides, and a short training on both: much too short for a good network, long enough to see it learn.
sdprep mix shards/nyu-merged --method nearfarmix --seed 7 --out shards/nyu-nearfarmix
sdtrain shards/nyu-merged shards/nyu-nearfarmix --out runs/demo --steps 200 --batch 4
sdtrain eval runs/demo shards/nyu-test --protocol nyu --flip mean --report evaluation

# The network looks at pictures it has not seen.
sdprep export shards/nyu-test --to png --out unseen
pictures=(unseen/image/*.png)
sdtrain predict runs/demo "${pictures[@]:0:4}" --to npy,png,classes,ply,sheet --fx 518.9 --out predictions

echo
echo "Look at:"
for file in nyu.png kitti.png stats-nyu.svg report/index.html evaluation/index.html predictions/sheet.png predictions/cloud/*.ply; do
    test -s "$file"
    echo "  demo/$file"
done
