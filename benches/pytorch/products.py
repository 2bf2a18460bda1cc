"""Which shape of a product CUDA's matrix library does fast, asked through PyTorch, which calls the same library as sdtrain:
products.py DEVICE

For products of dss-tiny at 480x640, batch 4: the gradient of a convolution's weights as one batch of products or as one product for
each sample (whose long sums the library may split), and a depthwise convolution as a batch of rows by matrices or as products of
values and their sum. Prints the median of the seconds of each form and their ratio.
"""

import statistics
import sys
import time

import torch

device = sys.argv[1]
torch.backends.cuda.matmul.allow_tf32 = False
batch = 4
scale = 1 if device != "cpu" else 16


def seconds(form):
    def once():
        began = time.perf_counter()
        form()
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    once()
    return statistics.median(once() for _ in range(9))


def compare(what, old, new):
    difference = (old() - new()).abs().max() / old().abs().max()
    assert difference < 1e-3, f"{what}: the two forms differ by {difference}"
    a, b = seconds(old), seconds(new)
    print(f"{what:<58} {a:.6f} s, {b:.6f} s, {b / a:.2f} of the time", flush=True)


# Channels of the result, rows of columns (channels times taps), cells.
for o, c, cells in [
    (64, 9 * 64, 240 * 320),
    (256, 64, 120 * 160),
    (64, 256, 120 * 160),
    (512, 128, 60 * 80),
    (1024, 256, 30 * 40),
    (2048, 512, 15 * 20),
]:
    cells //= scale
    x, dy = torch.rand(batch, c, cells, device=device), torch.rand(batch, o, cells, device=device)
    compare(
        f"gradient of weights {o} x {c} over {cells} cells",
        lambda: torch.bmm(dy, x.transpose(1, 2)).sum(0),
        lambda: sum(torch.mm(dy[i], x[i].T) for i in range(batch)),
    )

for channels, cells in [(256, 120 * 160), (512, 60 * 80), (2048, 15 * 20)]:
    cells //= scale
    planes = batch * channels
    columns, weight = torch.rand(planes, 9, cells, device=device), torch.rand(planes, 9, device=device)
    compare(
        f"depthwise convolution of {channels} channels, {cells} cells",
        lambda: (columns * weight[:, :, None]).sum(1),
        lambda: torch.bmm(weight[:, None], columns)[:, 0],
    )
