"""The seven mixes once more, from docs/mixes.md, with NumPy. Shares no code with sdprep.

A sample is a dict of arrays: image uint8 [3, H, W], depth float32 [H, W] (0 = missing), semantics uint8 [H, W]
(255 = ignore) or None, centre (column, row of the principal point).
"""

import numpy as np
from scipy import ndimage

F32 = np.float32
SKY = 2


def quantile(values, u):
    return np.sort(values)[int(np.floor(u * (values.size - 1)))]


def nearest(seeds, rows=slice(None), reach=None):
    """Index of the nearest seed for every pixel of some rows: squared distance, then row, then column. -1: none."""
    h, w = seeds.shape
    wide = h + w if reach is None else int(reach ** 0.5)
    y = np.arange(h)[:, None]
    above = np.maximum.accumulate(np.where(seeds, y, -1), axis=0)
    below = np.minimum.accumulate(np.where(seeds, y, 4 * h)[::-1], axis=0)[::-1]
    row = np.where((above >= 0) & (y - above <= below - y), above, below)
    out = np.full((h, w), -1)
    for r in range(h)[rows]:
        usable = np.flatnonzero(abs(row[r] - r) <= min(wide, h))
        # Whoever is too far away need not be measured: a few columns at a time.
        for x in np.split(np.arange(w), range(64, w, 64)):
            near = usable[(usable >= x[0] - wide) & (usable <= x[-1] + wide)]
            if near.size == 0:
                continue
            up = row[r, near]
            distance = (x[:, None] - near) ** 2 + (up - r) ** 2
            key = (distance << 32) | (up << 16) | near
            best = key.min(axis=1)
            found = ((best >> 16) & 0xFFFF) * w + (best & 0xFFFF)
            out[r, x] = found if reach is None else np.where(best >> 32 <= reach, found, -1)
    return out


def densify(sample):
    depth, labels = sample["depth"], sample["semantics"]
    valid = depth > 0
    if valid.sum() < 200:
        return None
    h, w = depth.shape
    counts = valid.sum(axis=1)
    r0 = next(r for r in range(h) if counts[r:r + 5].sum() >= 3)
    found = nearest(valid)
    above = np.full((h, w), -1)
    if labels is not None:
        for label in np.unique(labels[labels != 255]):
            here = labels == label
            same = nearest(valid & here, reach=625)
            found = np.where(here & (same >= 0), same, found)
            if label == SKY:
                continue
            regions, n = ndimage.label(here)
            for region in range(1, n + 1):
                part = regions == region
                if part[:r0].any() and (part & valid)[r0:].any():
                    above = np.where(part, nearest(part & valid, slice(0, r0)), above)
    found[:r0] = above[:r0]
    return np.where(found >= 0, depth.ravel()[found], F32(np.inf))


def is_dense(sample):
    return (sample["depth"] > 0).sum() >= 0.95 * sample["depth"].size


def clean(mask):
    ones = ndimage.convolve(mask.astype(int), np.ones((5, 5), int), mode="constant")
    inside = ndimage.convolve(np.ones(mask.shape, int), np.ones((5, 5), int), mode="constant")
    mask = np.where(2 * ones == inside, mask, 2 * ones > inside)
    for value in (True, False):
        parts, n = ndimage.label(mask == value)
        small = np.bincount(parts.ravel(), minlength=n + 1) < 0.0005 * mask.size
        small[0] = False
        mask = np.where(small[parts], not value, mask)
    return mask


def near_far_mask(a, drawn, p):
    (kind, numbers), = p["threshold"].items()
    assert kind == "quantile" and numbers[0] <= drawn["u"] <= numbers[1]
    source = p["mask_source"]
    if source == "auto":
        source = "strict" if is_dense(a) else "filled"
    depth = a["depth"] if source == "strict" else densify(a)
    threshold = quantile(depth[depth > 0] if source == "strict" else depth.ravel(), drawn["u"])
    assert threshold == F32(drawn["threshold"]), (threshold, drawn)
    mask = depth <= threshold
    return mask & (depth > 0) if source == "strict" else clean(mask)


def cut_mix_mask(a, drawn, p):
    mask = np.ones(a["depth"].shape, bool)
    mask[drawn["top"]:drawn["top"] + drawn["height"], drawn["left"]:drawn["left"] + drawn["width"]] = False
    return mask


def class_mix_mask(a, drawn, p):
    there = set(np.unique(a["semantics"])) - {255}
    assert len(drawn["classes"]) == len(there) // 2 and there.issuperset(drawn["classes"])
    return np.isin(a["semantics"], drawn["classes"])


def depth_mix_mask(a, b, p):
    strict = is_dense(a) and is_dense(b)
    deltas = []
    for sample in (a, b):
        metres = sample["depth"][sample["depth"] > 0]
        q = F32(1) / metres
        low, high = quantile(q, 0.01), quantile(q, 0.99)
        depth = sample["depth"] if strict else densify(sample)
        with np.errstate(divide="ignore"):
            deltas.append(np.clip((F32(1) / depth - low) / (high - low), F32(0), F32(1)))
    test = p["test"]["disparity"]
    mask = (deltas[0] >= deltas[1] - F32(test["eps"])) & (deltas[0] >= F32(test["tau"]))
    return mask & (a["depth"] > 0) & (b["depth"] > 0) if strict else mask


def compose(mask, a, b):
    return {k: b[k] if b[k] is None or k == "centre" else np.where(mask, a[k], b[k]) for k in b}


def cut_depth(b, drawn, p):
    paint = p["paint"]
    inside = ~cut_mix_mask(b, drawn, p)
    if paint["missing"] == "keep_rgb":
        inside &= b["depth"] > 0
    grey = np.rint(np.clip(F32(255) * b["depth"] / F32(paint["max_m"]), 0, 255)).astype(np.uint8)
    return {**b, "image": np.where(inside, grey, b["image"])}


def affine_mix(b, drawn, p):
    labels, (cx, cy) = b["semantics"], drawn["centre"]
    scene = densify(b).copy()
    out = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in b.items()}
    h, w = labels.shape
    rows, columns = np.mgrid[:h, :w]
    for o in drawn["objects"]:
        regions, _ = ndimage.label(labels == o["class"], np.ones((3, 3)))
        part = regions == regions[o["row"], o["column"]]
        assert o["class"] in p["movable"] and p["area"][0] <= part.mean() <= p["area"][1]
        s = o["scale"]
        x, y = cx + (columns - cx) * s, cy + (rows - cy) * s
        near = np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)
        inside = (near[0] >= 0) & (near[0] < h) & (near[1] >= 0) & (near[1] < w)
        near = np.clip(near[0], 0, h - 1), np.clip(near[1], 0, w - 1)
        there = np.flatnonzero(part.any(axis=1))  # what is pasted comes from these rows
        filled = b["depth"].ravel()[nearest(part & (b["depth"] > 0), slice(there[0], there[-1] + 1))]
        metres = F32(s) * filled[near]
        paste = inside & part[near] & (metres < scene + F32(p["eps_m"]))
        scene[paste] = metres[paste]
        y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
        y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
        y1, x1, fy, fx = np.minimum(y0 + 1, h - 1), np.minimum(x0 + 1, w - 1), y - y0, x - x0
        image = b["image"].astype(float)
        upper = image[:, y0, x0] * (1 - fx) + image[:, y0, x1] * fx
        lower = image[:, y1, x0] * (1 - fx) + image[:, y1, x1] * fx
        colour = np.rint(upper * (1 - fy) + lower * fy).astype(np.uint8)
        out["image"] = np.where(paste, colour, out["image"])
        out["depth"] = np.where(paste, F32(s) * b["depth"][near], out["depth"])
        out["semantics"] = np.where(paste, np.uint8(o["class"]), out["semantics"])
    return out


def replay(recipe, samples, parameters):
    """The output sample of a line of a plan; `samples` gives a parent by its row."""
    method, own = recipe["method"], samples(recipe["sample"])
    if "unmixed" in recipe:
        return own
    b, drawn, p = own, recipe["drawn"], parameters[method]
    if "partner" in recipe:
        a = samples(recipe["partner"])
        a, b = (b, a) if recipe.get("swapped") else (a, b)
    if method in ("cutdepth", "vcutdepth"):
        return cut_depth(b, drawn, p)
    if method == "affinemix":
        return affine_mix(b, drawn, p)
    if method == "depthmix":
        return compose(depth_mix_mask(a, b, p), a, b)
    mask = {"nearfarmix": near_far_mask, "cutmix": cut_mix_mask, "classmix": class_mix_mask}[method]
    return compose(mask(a, drawn, p), a, b)
