"""Exports a SegFormer and a OneFormer as scripts/export_teacher.py does, has `sdprep labels teach` run them, and compares its labels
with what PyTorch says of the same picture.

Usage: check_teacher.py path/to/sdprep      built with the feature `teacher`

Needs the packages of requirements.txt. The weights are made by chance, so that nothing is
downloaded: it is the operations of the networks that are checked, not what a trained one knows.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import zarr
from transformers import (
    OneFormerConfig,
    OneFormerForUniversalSegmentation,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SwinConfig,
)

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import export_teacher  # noqa: E402

SIDE = 256
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def segformer(folder):
    SegformerForSemanticSegmentation(SegformerConfig(num_labels=150)).save_pretrained(folder)
    return export_teacher.Segformer(folder)


def oneformer(folder):
    stages = [f"stage{i}" for i in range(1, 5)]
    swin = SwinConfig(embed_dim=48, depths=[2] * 4, num_heads=[3, 6, 12, 24], out_features=stages, image_size=SIDE, window_size=8)
    config = OneFormerConfig(backbone_config=swin, num_labels=150, num_queries=30, encoder_layers=2, decoder_layers=3, is_training=False)
    model = OneFormerForUniversalSegmentation(config)
    with torch.no_grad():
        for name, values in model.named_parameters():
            # For probabilities that differ from pixel to pixel, and masks that leave no pixel out: what tract's sigmoid is off by
            # would be much of their sum there.
            if "class_embed" in name:
                values *= 16
            if "mask_embed" in name:
                values *= 1.4
    model.save_pretrained(folder)
    return export_teacher.OneFormer(folder, torch.arange(77)[None] % 50)


def probabilities(network, kind, image):
    """Of every class at every pixel of the picture [3, H, W]."""
    pixels = (image.astype(np.float32) / 255 - MEAN[:, None, None]) / STD[:, None, None]
    with torch.no_grad():
        scores = network(torch.from_numpy(pixels)[None])
    scores = torch.nn.functional.interpolate(scores, image.shape[1:], mode="bilinear", align_corners=False)[0]
    return scores.softmax(0) if kind == "logits" else scores / scores.sum(0, keepdim=True)


def main(sdprep):
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # As large as the networks want it: a picture that has been resized differs by a grey level here and there.
        room = ["synth", "indoor", "--count", "1", "--height", str(SIDE), "--width", str(SIDE), "--out", folder / "rooms"]
        subprocess.run([sdprep, *room, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        image = zarr.open_group(folder / "rooms", mode="r")["image"][0]
        for make, kind in ((segformer, "logits"), (oneformer, "scores")):
            name = make.__name__
            network = make(folder / f"{name}-weights").eval()
            onnx, taught = folder / f"{name}.onnx", folder / name
            export_teacher.export(network, onnx, SIDE, SIDE)
            teach = ["labels", "teach", folder / "rooms", "--onnx", onnx, "--output", kind, "--prefer", "pseudo", "--out", taught]
            subprocess.run([sdprep, *teach, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            check(name, zarr.open_group(taught, mode="r"), probabilities(network, kind, image).numpy())


def check(name, taught, expected):
    found, sure = taught["semantics"][0], taught["confidence"][0].astype(np.float64)
    best = expected.max(0)
    # Where two classes are all but equal, rounding decides; where the rooms' own label is the same, it is certain.
    short = ((best - np.take_along_axis(expected, found[None].astype(np.int64), 0)[0]) / best).max()
    same = (expected.argmax(0) == found).mean()
    off = np.abs(sure - 255 * best)[sure < 255].max()
    n, levels = len(np.unique(found)), len(np.unique(sure))
    print(f"{name}: {100 * same:.2f} % of the pixels have PyTorch's class, of {n}; theirs is likelier by at most {100 * short:.4f} %;")
    print(f"  confidences of {levels} levels, at most {off:.3f} of a level from PyTorch's probability (rounding: 0.5)")
    assert same > 0.999 and short < 0.001 and off < 0.51 and (n > 4 or levels > 4), name


if __name__ == "__main__":
    main(*sys.argv[1:])
