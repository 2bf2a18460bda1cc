"""Expected samples of the labelled NYU file with six frames, read with h5py.

    python tests/golden/make_labelled_golden.py $SEMDEPTH_REAL_DATA src/label/tables > fixtures/golden/labelled_mini.json

Needs h5py and numpy. For each frame: CRC-32 of the fields as they are stored ([3, H, W] and [H, W], little endian), and the
values of a few pixels (row, column), so that a transposed or mirrored frame shows in the message.
"""

import csv
import json
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np

PIXELS = [(0, 0), (10, 20), (100, 500), (240, 320), (479, 0), (0, 639), (400, 600)]


def text(file, reference):
    return "".join(map(chr, file[reference][()].ravel()))


def main():
    root, tables = Path(sys.argv[1]), Path(sys.argv[2])
    with open(tables / "nyu894_to_ade20k.csv", newline="", encoding="utf-8") as rows:
        targets = {
            row["nyu894_name"]: {
                "ade20k150": int(row["ade_index"]),
                "nyu40": int(row["nyu40_id"]) or 255,
                "nyu13": int(row["nyu13_id"]) or 255,
            }
            for row in csv.DictReader(rows)
        }
    frames = []
    with h5py.File(root / "nyuv2_mini_mat/nyu_depth_v2_labeled_mini.mat", "r") as file:
        names = [text(file, reference) for reference in file["names"][0]]
        for n in range(file["images"].shape[0]):
            # MATLAB's columns become rows by swapping the last two axes, never by a rotation.
            fields = {
                "image": np.ascontiguousarray(file["images"][n].swapaxes(-1, -2)),
                "depth": np.ascontiguousarray(file["depths"][n].swapaxes(-1, -2)),
                "raw_depth": np.ascontiguousarray(file["rawDepths"][n].swapaxes(-1, -2)),
            }
            raw = file["labels"][n].swapaxes(-1, -2)
            for space in ("ade20k150", "nyu40", "nyu13"):
                table = np.full(65536, 255, np.uint8)
                for i, name in enumerate(names):
                    table[i + 1] = targets[name][space]
                fields[space] = np.ascontiguousarray(table[raw])
            frames.append(
                {
                    "scene": text(file, file["scenes"][0, n]),
                    "scene_type": text(file, file["sceneTypes"][0, n]),
                    "crc32": {key: zlib.crc32(value.tobytes()) for key, value in fields.items()},
                    "pixels": [
                        {
                            "at": [y, x],
                            "rgb": fields["image"][:, y, x].tolist(),
                            "depth": float(fields["depth"][y, x]),
                            "raw_depth": float(fields["raw_depth"][y, x]),
                            "ade20k150": int(fields["ade20k150"][y, x]),
                        }
                        for y, x in PIXELS
                    ],
                    "crop": {
                        # BTS's training box: left 43, top 45, right 608, bottom 472.
                        key: zlib.crc32(np.ascontiguousarray(value[..., 45:472, 43:608]).tobytes())
                        for key, value in fields.items()
                    },
                    "black": zlib.crc32(blackened(fields["image"]).tobytes()),
                }
            )
    json.dump(frames, sys.stdout, indent=1)
    sys.stdout.write("\n")


def blackened(image):
    """As BTS's extract_official_train_test_set_from_mat.py: rows 7..473 and columns 7..631 stay."""
    black = np.zeros_like(image)
    black[:, 7:474, 7:632] = image[:, 7:474, 7:632]
    return black


main()
