"""Trains dss-nano in PyTorch as scripts/results.sh does with sdtrain, for comparison: train.py TRAIN VAL OUT [SEED [STEPS]]

First weights, optimiser, schedule and losses are those of the specification, pictures are mirrored and nothing else. Writes
OUT/<key>.npy, metres of every sample of VAL at its size (for `sdtrain metrics --pred OUT --gt VAL`), and prints the mIoU. One
thread, as the runs of sdtrain.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import zarr
from PIL import Image
from torch import nn

from dss import Dss, loss, resize

ROWS, COLUMNS, BATCH = 192, 256, 4
CLASSES, IGNORE, D_MAX = 150, 255, 10.0


def samples(folder):
    """Pictures, depths and labels on the grid of the network."""
    group = zarr.open_group(folder, mode="r")
    n, _, height, width = group["image"].shape
    pictures = np.zeros((n, 3, ROWS, COLUMNS), np.uint8)
    for i in range(n):
        for c, plane in enumerate(np.asarray(group["image"][i])):
            pictures[i, c] = np.asarray(Image.fromarray(plane).resize((COLUMNS, ROWS), Image.BOX))
    y = ((np.arange(ROWS) + 0.5) * height / ROWS).astype(int)
    x = ((np.arange(COLUMNS) + 0.5) * width / COLUMNS).astype(int)
    nearest = lambda field: np.stack([np.asarray(group[field][i])[np.ix_(y, x)] for i in range(n)])
    return pictures, nearest("depth"), nearest("semantics")


def draw_weights(model, start_m):
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] ** 2 * module.out_channels / module.groups
            nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    share = start_m / D_MAX
    for last, bias in ((model.head.depth.out, math.log(share / (1 - share))), (model.head.semantics.out, 0.0)):
        nn.init.normal_(last.weight, 0, 0.01)
        nn.init.constant_(last.bias, bias)


def optimiser_of(model):
    """Five times the learning rates of the specification, as it begins with weights that know nothing."""
    groups = {}
    for name, parameter in model.named_parameters():
        decays = parameter.ndim >= 2 and not name.endswith("relative_position_bias_table")
        groups.setdefault((2e-4 if name.startswith("encoder.") else 1e-3, 0.01 if decays else 0.0), []).append(parameter)
    return torch.optim.AdamW([{"params": p, "lr": lr, "base": lr, "weight_decay": wd} for (lr, wd), p in groups.items()])


def normal(pictures):
    return (torch.from_numpy(pictures).float() / 255 - 0.5) / 0.5


def train(model, data, seed, steps):
    optimiser, chance, order, seen = optimiser_of(model), np.random.default_rng(seed), [], []
    warmup = min(steps // 20, 500)
    for step in range(steps):
        if len(order) < BATCH:
            order += list(chance.permutation(len(data[0])))
        rows, order = order[:BATCH], order[BATCH:]
        mirrored = chance.random(BATCH) < 0.5
        batch = [np.stack([f[r][..., ::-1] if m else f[r] for r, m in zip(rows, mirrored)]) for f in data]
        factor = (0.9 * (1 - step / steps) ** 0.9 + 0.1) * min(1, (step + 1) / max(warmup, 1))
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * factor
        depth, entropy = loss(*model(normal(batch[0])), torch.from_numpy(batch[1]), torch.from_numpy(batch[2]).long())
        optimiser.zero_grad()
        (depth + entropy).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seen.append((depth.item(), entropy.item(), norm.item()))
        if (step + 1) % 100 == 0:
            print(step + 1, "depth %.3f, semantics %.3f, norm %.2f" % tuple(np.mean(seen[-100:], 0)), flush=True)


def predict(model, val, pictures, out):
    """Writes the depths; returns how many pixels have each pair of true and predicted class."""
    truth = zarr.open_group(val, mode="r")["semantics"]
    with open(Path(val) / "samples.jsonl", encoding="utf-8") as lines:
        keys = [json.loads(line)["key"] for line in lines]
    pairs = np.zeros((CLASSES, CLASSES), np.int64)
    model.eval()
    for i, key in enumerate(keys):
        whole = lambda x: nn.functional.interpolate(resize(x, 4), truth.shape[1:], mode="bilinear", align_corners=False)
        with torch.no_grad():
            depth, logits = map(whole, model(normal(pictures[i : i + 1])))
        path = Path(out) / f"{key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, depth[0, 0].clamp(1e-3, D_MAX).numpy())
        labels, classes = np.asarray(truth[i]), logits[0].argmax(0).numpy()
        real = labels != IGNORE
        np.add.at(pairs, (labels[real], classes[real]), 1)
    return pairs


def main(train_set, val, out, seed=1, steps=1500):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = samples(train_set)
    model = Dss("dss-nano", (ROWS, COLUMNS))
    draw_weights(model, float(np.median(data[1][data[1] > 0])))
    train(model, data, seed, steps)
    pairs = predict(model, val, samples(val)[0], out)
    there = pairs.sum(1) > 0
    iou = pairs.diagonal()[there] / (pairs.sum(1) + pairs.sum(0) - pairs.diagonal())[there]
    print(f"mIoU {iou.mean():.4f} over {there.sum()} classes")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:6]))
