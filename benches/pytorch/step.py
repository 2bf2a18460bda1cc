"""Times of the network in PyTorch, for benches/train.rs and scripts/gpu-check.sh: step.py MODEL ROWS COLUMNS BATCH THREADS [DEVICE [tf32]]

Waits for a line, runs a forward pass and a training step, answers with their seconds and the peak memory in MiB, on the CPU
above the start; ends with its input.
"""

import resource
import sys
import time

import torch

from dss import Dss, loss

name, (rows, columns, batch, threads) = sys.argv[1], map(int, sys.argv[2:6])
device = sys.argv[6] if len(sys.argv) > 6 else "cpu"
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = sys.argv[7:] == ["tf32"]
torch.set_num_threads(threads)
torch.manual_seed(0)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = Dss(name, (rows, columns)).to(device)
x = torch.rand(batch, 3, rows, columns, device=device)
truth = 1 + 8 * torch.rand(batch, rows, columns, device=device)
labels = torch.randint(0, 150, (batch, rows, columns), device=device)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=1e-2)


def now():
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak():
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024


for _ in sys.stdin:
    began = now()
    with torch.no_grad():
        model(x)
    forward = now() - began
    began = now()
    depth, entropy = loss(*model(x), truth, labels)
    (depth + entropy).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()
    print(forward, now() - began, peak(), flush=True)
