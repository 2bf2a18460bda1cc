"""Sets made by sdprep hold the same numbers for zarr-python, tensorstore and the pictures they were made from.

The set has a part-filled last shard, a quarantined row and a sample without any depth; once with float32 and once
with uint16 depth. Usage: check_zarr.py path/to/sdprep
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorstore as ts
import zarr
from PIL import Image

N, H, W = 7, 24, 40
TRUNCATED, EMPTY = 2, 4


def make_pictures(root: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (N, H, W, 3), dtype=np.uint8)
    depth = rng.integers(0, 10000, (N, H, W), dtype=np.uint16)
    labels = rng.integers(0, 150, (N, H, W), dtype=np.uint8)
    depth[EMPTY] = 0
    for name in ("rgb", "depth", "label"):
        (root / name).mkdir()
    for i in range(N):
        Image.fromarray(rgb[i]).save(root / f"rgb/{i:04}.png")
        Image.fromarray(depth[i]).save(root / f"depth/{i:04}.png")
        Image.fromarray(labels[i]).save(root / f"label/{i:04}.png")
    damaged = root / f"depth/{TRUNCATED:04}.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    return rgb, depth, labels


def open_tensorstore(path: pathlib.Path) -> np.ndarray:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    return ts.open(spec, read=True).result().read().result()


def check(sdprep: str, root: pathlib.Path, dtype: str, pictures) -> None:
    rgb, depth, labels = pictures
    out = root / f"set-{dtype}"
    command = [sdprep, "convert", "folder", root, "--images", "rgb/*.png", "--depths", "depth/*.png",
               "--labels", "label/*.png", "--labels-table", "ade20k", "--depth-scale", "1/1000", "--depth-dtype", dtype,
               "--depth-step", "1/1000", "--samples-per-shard", "3", "--out", out, "--quiet"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    assert done.returncode == 1, f"one bad sample: expected exit code 1, found {done.returncode}"

    group = zarr.open_group(out, mode="r")
    attributes = group.attrs["semdepth"]
    assert attributes["complete"] and attributes["n_samples"] == N, attributes
    samples = [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]
    assert [s["row"] for s in samples] == list(range(N))
    assert [s["row"] for s in samples if "quarantined" in s] == [TRUNCATED]
    assert samples[TRUNCATED]["quarantined"]["file"].endswith("0002.png")

    good = [i for i in range(N) if i != TRUNCATED]
    for name in ("image", "depth", "semantics"):
        seen = group[name][:]
        again = open_tensorstore(out / name)
        assert seen.dtype == again.dtype and np.array_equal(seen, again), name
        fill = 255 if name == "semantics" else 0
        assert (seen[TRUNCATED] == fill).all(), f"{name}: a quarantined row reads as fill"
        if name == "image":
            assert np.array_equal(seen[good], rgb[good].transpose(0, 3, 1, 2))
        elif name == "semantics":
            assert np.array_equal(seen[good], labels[good])
        elif dtype == "uint16":
            assert group[name].attrs["scale_factor"] == 1 / 1000
            assert seen.dtype == np.uint16 and np.array_equal(seen[good], depth[good])
        else:
            metres = (depth[good].astype(np.float64) * (1 / 1000)).astype(np.float32)
            assert seen.dtype == np.float32 and np.array_equal(seen[good], metres)
    assert (group["depth"][EMPTY] == 0).all()
    assert group["depth"].shards == (3, H, W) and group["depth"].chunks == (1, H, W)
    print(f"{dtype}: {len(good)} samples equal for zarr {zarr.__version__}, tensorstore and the source pictures")


def main() -> None:
    sdprep = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        pictures = make_pictures(root)
        for dtype in ("float32", "uint16"):
            check(sdprep, root, dtype, pictures)


if __name__ == "__main__":
    main()
