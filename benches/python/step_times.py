"""Seconds of the steps of a run while it trains: step_times.py RUN COMMAND...

Starts the command, which trains into RUN, and looks every two milliseconds for new lines of its log. Prints the median of the
steps after the first three, in which kernels are compiled and memory is asked for, and the fastest and slowest.
"""

import pathlib
import statistics
import subprocess
import sys
import time

log = pathlib.Path(sys.argv[1]) / "log.jsonl"
process = subprocess.Popen(sys.argv[2:])
times, known = [], 0
while process.poll() is None:
    lines = log.read_bytes().count(b"\n") if log.exists() else 0
    if lines > known:
        times.append((time.perf_counter(), lines))
        known = lines
    time.sleep(0.002)
each = [(b - a) / (m - n) for (a, n), (b, m) in zip(times, times[1:]) if n >= 3]
if process.returncode or not each:
    sys.exit(process.returncode or "too few steps")
print(f"{statistics.median(each):.4f} s a step ({min(each):.4f} to {max(each):.4f}, {len(each)} steps)")
