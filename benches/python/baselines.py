"""Predictions that look at no picture, for comparison with a network: one depth for everything, and one for each pixel.

Usage: baselines.py TRAIN VAL OUT    writes OUT/constant and OUT/median, an npy of metres for every sample of VAL

The constant is the median of all measurements of TRAIN, the map the median at each pixel.
"""

import json
import sys
from pathlib import Path

import numpy as np
import zarr


def main(train, val, out):
    depths = zarr.open_group(train, mode="r")["depth"][:]
    depths = np.where(depths > 0, depths, np.nan)
    predictions = {
        "constant": np.full(depths.shape[1:], np.nanmedian(depths)),
        "median": np.nanmedian(depths, axis=0),
    }
    with open(Path(val) / "samples.jsonl", encoding="utf-8") as lines:
        keys = [json.loads(line)["key"] for line in lines]
    for name, metres in predictions.items():
        for key in keys:
            path = Path(out) / name / f"{key}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, metres.astype(np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:4])
