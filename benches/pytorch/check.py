"""Whether dss.py is the network of the golden values: check.py FOLDER"""

import json
import sys

import torch
from safetensors.torch import load_file

from dss import Dss, loss, resize

folder = sys.argv[1]
model = Dss("dss-nano", (96, 128))
model.load_state_dict({k: v for k, v in load_file(f"{folder}/nano_weights.safetensors").items()}, strict=False)
names = {k for k in model.state_dict() if not k.endswith("num_batches_tracked")}
assert names == set(load_file(f"{folder}/nano_weights.safetensors")), "other names"
given, expected = load_file(f"{folder}/nano_input.safetensors"), load_file(f"{folder}/nano_eval.safetensors")
model.eval()
depth, logits = model(given["input"])
for name, found in (("depth_quarter", depth), ("logits_quarter", logits), ("depth", resize(depth, 4))):
    error = (found - expected[name]).abs().max() / expected[name].abs().max()
    print(f"{name}: {error:.1e}")
    assert error < 1e-4
losses = loss(depth, logits, given["depth_gt"], given["labels"].long())
truth = json.load(open(f"{folder}/nano.json"))["losses_eval"]
print("losses:", *(f"{x.item():.6f}" for x in losses), "expected:", truth)
assert abs(losses[0].item() - truth["depth"]) < 1e-4 and abs(losses[1].item() - truth["semantics"]) < 1e-4
