"""Opens what `sdprep export` wrote with NumPy, Pillow and tarfile and compares it with the set as zarr-python reads it.

Usage: check_export.py path/to/sdprep
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy
import zarr
from PIL import Image


def main(root, npy, png, webdataset):
    group = zarr.open_group(root, mode="r")
    records = [json.loads(line) for line in (root / "samples.jsonl").read_text().splitlines()]
    records = [r for r in records if "quarantined" not in r]
    fields = sorted(group.array_keys())

    def stored(field, row):
        array = group[field]
        values = array[row]
        scale = array.attrs.get("scale_factor")
        return values if scale is None else (values.astype("f8") * scale).astype("f4")

    lines = [json.loads(line) for line in (npy / "samples.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == [r["key"] for r in records], "keys of the npy export"
    for line in lines:
        for field in fields:
            values = numpy.load(npy / line["files"][field])
            expected = stored(field, line["row"])
            assert values.dtype == expected.dtype and numpy.array_equal(values, expected), (line["key"], field)

    step = json.loads((png / "dataset.json").read_text())["depth"]["metres_per_step"]
    for line in map(json.loads, (png / "samples.jsonl").read_text().splitlines()):
        for field, file in line["files"].items():
            values = numpy.asarray(Image.open(png / file))
            expected = stored(field, line["row"])
            if field == "image":
                assert numpy.array_equal(values.transpose(2, 0, 1), expected), (line["key"], field)
            elif field in ("depth", "raw_depth"):
                assert ((values == 0) == (expected == 0)).all(), (line["key"], field)
                assert (abs(values * step - expected) <= 0.5001 * step).all() or step > expected[expected > 0].min()
            else:
                assert numpy.array_equal(values, expected), (line["key"], field)

    seen = []
    for path in sorted(webdataset.glob("*.tar")):
        with tarfile.open(path) as archive:
            samples = {}
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644), member.name
                folder, _, name = member.name.rpartition("/")
                key, _, extension = name.partition(".")
                samples.setdefault(f"{folder}/{key}", {})[extension] = archive.extractfile(member).read()
        for sample in samples.values():
            record = json.loads(sample["json"])
            seen.append(record["key"])
            row = record["row"]
            picture = numpy.asarray(Image.open(io.BytesIO(sample["image.png"])))
            assert numpy.array_equal(picture.transpose(2, 0, 1), stored("image", row)), record["key"]
            depth = numpy.load(io.BytesIO(sample["depth.npy"]))
            assert numpy.array_equal(depth, stored("depth", row)), record["key"]
            if "semantics" in fields:
                labels = numpy.asarray(Image.open(io.BytesIO(sample["semantics.png"])))
                assert numpy.array_equal(labels, stored("semantics", row)), record["key"]
    assert seen == [r["key"] for r in records], "keys of the webdataset export"
    print(f"{len(records)} samples: npy, png and webdataset hold what the set holds")


def make_and_check(sdprep, folder):
    """Exports a small set of made-up rooms in every way."""
    def run(*arguments):
        subprocess.run([sdprep, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)

    run("synth", "indoor", "--count", "3", "--height", "60", "--width", "80", "--out", folder / "set")
    kinds = ("npy", "png", "webdataset")
    for kind in kinds:
        run("export", folder / "set", "--to", kind, "--out", folder / kind)
    main(folder / "set", *(folder / kind for kind in kinds))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        make_and_check(Path(sys.argv[1]).resolve(), Path(temporary))
