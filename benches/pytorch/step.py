"""Times of the network in PyTorch, for benches/train.rs: step.py MODEL ROWS COLUMNS BATCH THREADS

Waits for a line, runs a forward pass and a training step, answers with their seconds and the peak memory above the start in
MiB; ends with its input.
"""

import resource
import sys
import time

import torch

from dss import Dss, loss

name, (rows, columns, batch, threads) = sys.argv[1], map(int, sys.argv[2:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = Dss(name, (rows, columns))
x = torch.rand(batch, 3, rows, columns)
truth = 1 + 8 * torch.rand(batch, rows, columns)
labels = torch.randint(0, 150, (batch, rows, columns))
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=1e-2)
for _ in sys.stdin:
    began = time.perf_counter()
    with torch.no_grad():
        model(x)
    forward = time.perf_counter() - began
    began = time.perf_counter()
    depth, entropy = loss(*model(x), truth, labels)
    (depth + entropy).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()
    step = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(forward, step, (peak - start) / 1024, flush=True)
