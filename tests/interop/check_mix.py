"""Replays plans of `sdprep mix` with NumPy (mix_numpy.py) and compares every byte with what sdprep made of them.

Usage: check_mix.py path/to/sdprep

On synthetic rooms (dense depth) and roads (sparse depth), and on real NYU and KITTI frames when SEMDEPTH_REAL_DATA is
set. AffineMix may differ by one grey level; everything else is equal.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mix_numpy
import numpy as np
import zarr
from PIL import Image

METHODS = "nearfarmix,cutdepth,vcutdepth,cutmix,classmix,depthmix,affinemix"


def main(sdprep):
    def run(*arguments):
        subprocess.run([sdprep, *map(str, arguments), "--quiet"], check=True, stdout=subprocess.DEVNULL)

    real = os.environ.get("SEMDEPTH_REAL_DATA")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run("synth", "indoor", "-n", 6, "--height", 120, "--width", 160, "--out", folder / "rooms")
        run("synth", "road", "-n", 5, "--height", 94, "--width", 310, "--out", folder / "roads-dense")
        thin(folder / "roads-dense", folder / "thinned")
        convert(run, folder / "thinned", folder / "roads")
        sets = [(folder / "rooms", 7, ()), (folder / "roads", 8, ("--both-orders",))]
        if real:
            nyu(run, Path(real), folder)
            kitti(run, Path(real), folder)
            sets += [(folder / "nyu", 3, ()), (folder / "kitti", 10, ())]
        for path, copies, more in sets:
            check(run, path, copies, more)


def check(run, path, copies, more):
    plan, out = path.with_suffix(".jsonl"), path.with_name(path.name + "-mix")
    domain = "road" if path.name in ("roads", "kitti") else "indoor"
    arguments = [path, "--method", METHODS, "--p", "0.95", "--copies", copies, "--seed", 1, "--domain", domain, *more]
    run("mix", *arguments, "--plan", plan, "--out", out)
    head, *recipes = map(json.loads, plan.read_text().splitlines())
    group, mixed = zarr.open_group(path, mode="r"), zarr.open_group(out, mode="r")
    cache = {}

    def sample(parent):
        row = parent["row"]
        if row not in cache:
            labels = group["semantics"][row] if "semantics" in group else None
            cache[row] = {"image": group["image"][row], "depth": group["depth"][row], "semantics": labels}
        return cache[row]

    densified = {}
    original = mix_numpy.densify

    def densify(sample):
        if id(sample) not in densified:
            densified[id(sample)] = original(sample)
        return densified[id(sample)]

    mix_numpy.densify = densify
    counts = collections.Counter()
    for row, recipe in enumerate(recipes):
        expected = mix_numpy.replay(recipe, sample, head["options"]["parameters"])
        where = (path.name, row, recipe)
        image, found = expected["image"].astype(int), mixed["image"][row].astype(int)
        limit = 1 if recipe["method"] == "affinemix" and "unmixed" not in recipe else 0
        assert abs(image - found).max() <= limit, where
        assert expected["depth"].tobytes() == mixed["depth"][row].tobytes(), where
        if "semantics" in mixed:
            assert np.array_equal(expected["semantics"], mixed["semantics"][row]), where
        counts[recipe["method"] if "unmixed" not in recipe else "as they are"] += 1
    mix_numpy.densify = original
    assert set(METHODS.split(",")) <= set(counts), (path.name, counts)
    print(f"{path.name}: {len(recipes)} mixes equal NumPy's: {dict(counts)}")


def thin(dense, folder):
    """Leaves every fifth depth or so of the lower two thirds, as a laser would, as files for `convert folder`."""
    group, rng = zarr.open_group(dense, mode="r"), np.random.default_rng(5)
    for row in range(group["image"].shape[0]):
        depth = group["depth"][row].copy()
        depth[rng.random(depth.shape) > 0.2] = 0
        depth[: depth.shape[0] // 3] = 0
        save(folder, f"{row:03}", group["image"][row], depth, group["semantics"][row])


def save(folder, name, image, depth, labels):
    for kind in ("image", "depth", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.transpose(1, 2, 0)).save(folder / "image" / f"{name}.png")
    np.save(folder / "depth" / f"{name}.npy", depth)
    np.save(folder / "labels" / f"{name}.npy", labels)


def convert(run, folder, out):
    run("convert", "folder", folder, "--images", "image/*.png", "--depths", "depth/*.npy", "--labels", "labels/*.npy",
        "--labels-table", "ade20k", "--split", "train", "--out", out)


def nyu(run, real, folder):
    source = real / "nyuv2_mirrored"
    names = sorted((p.stem for p in (source / "images").iterdir()), key=int)[::22]
    assert len(names) >= 17, "too few frames in nyuv2_mirrored"
    for kind, suffix in (("images", "jpg"), ("depths", "png"), ("labels40", "png")):
        (folder / "mirrored" / kind).mkdir(parents=True)
        for name in names:
            (folder / "mirrored" / kind / f"{name}.{suffix}").symlink_to(source / kind / f"{name}.{suffix}")
    run("convert", "folder", folder / "mirrored", "--preset", "nyuv2-mirrored", "--split", "train", "--out", folder / "nyu")


def kitti(run, real, folder):
    """The frames with a sweep, and a teacher's labels cropped as the frames were."""
    run("convert", "kitti", real / "kitti_raw", "--depth", "project", "--out", folder / "kitti-plain")
    group = zarr.open_group(folder / "kitti-plain", mode="r")
    records = list(map(json.loads, (folder / "kitti-plain" / "samples.jsonl").read_text().splitlines()))
    assert len(records) >= 3, "kitti_raw: expected three frames with a sweep"
    for row, record in enumerate(records):
        labels = np.asarray(Image.open(real / "teacher_deeplab" / "kitti_raw" / record["source"]["image"]))
        crop = record["crop"]
        rows = slice(crop["top"], crop["top"] + crop["height"])
        labels = labels[rows, crop["left"]:crop["left"] + crop["width"]]
        save(folder / "labelled", f"{row:03}", group["image"][row], group["depth"][row], labels)
    convert(run, folder / "labelled", folder / "kitti")


if __name__ == "__main__":
    main(sys.argv[1])
