#!/usr/bin/env bash
# From nothing to pictures: makes a NYU-layout MAT file and a KITTI tree of synthetic scenes, converts both through the
# true readers, checks them, and draws contact sheets and a report. Downloads no data. Everything goes to demo/.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cargo build --release --bin sdprep
sdprep() { echo; echo "\$ sdprep $*"; "$bin" "$@"; }
bin=$PWD/target/release/sdprep
rm -rf demo
mkdir demo
cd demo

sdprep synth indoor --count 16 --seed 7 --as nyu-mat --out data/nyu_depth_v2_labeled.mat
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

echo
echo "Look at:"
for file in nyu.png kitti.png stats-nyu.svg report/index.html; do
    test -s "$file"
    echo "  demo/$file"
done
