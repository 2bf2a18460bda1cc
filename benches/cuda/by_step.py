"""What a step does on the GPU: by_step.py FEWER MORE STEPS.

FEWER and MORE come from activity.c, the second from a run with so many STEPS more than the first. Prints for kernels, copies, memsets and
calls of the driver how often a step does each, and its milliseconds and megabytes, longest first.
"""

import sys


def read(path):
    rows = (line.rstrip("\n").split("\t") for line in open(path))
    return {name: tuple(map(int, numbers)) for *numbers, name in rows}


fewer, more, steps = read(sys.argv[1]), read(sys.argv[2]), int(sys.argv[3])
rows = []
for name, found in more.items():
    less = fewer.get(name, (0, 0, 0))
    rows.append((*((a - b) / steps for a, b in zip(found, less)), name))
for kind in ("kernel", "copy", "set", "call"):
    chosen = sorted((row for row in rows if row[3].startswith(kind + " ")), key=lambda row: -row[1])
    n, ns, size = (sum(row[i] for row in chosen) for i in range(3))
    print(f"{kind}: {n:.0f} a step, {ns / 1e6:.2f} ms, {size / 1e6:.2f} MB")
    for n, ns, size, name in chosen[:28]:
        print(f"{n:10.1f} {ns / 1e6:10.3f} ms {size / 1e6:10.2f} MB  {name[:90]}")
