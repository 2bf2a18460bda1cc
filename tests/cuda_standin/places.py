"""Says which lines of our own ask what of the device: places.py FILE [STEPS], FILE from SEMDEPTH_STANDIN_PLACES.

Prints, for every kind of request, how often (divided by STEPS) and how much, by the innermost line of src/train that led there.
Backward passes run from closures of dfdx, so what they ask stands at the line that starts them.
"""

import collections
import re
import subprocess
import sys


def read(path):
    """The program, and each request with its addresses in the program."""
    program, entries = "", []
    for line in open(path):
        if line.startswith("program "):
            program = line.split(None, 1)[1].strip()
        elif line.startswith("  "):
            inside = re.match(r"\s+(\S*?)(?:\(\S*\))?\s*\(?\+?(0x[0-9a-f]+)?\)?", line)
            found = re.search(r"\(\+(0x[0-9a-f]+)\)", line)
            if inside and found and line.strip().startswith(program):
                entries[-1][3].append(int(found.group(1), 16) - 1)
        else:
            times, amount, what = line.strip().split(" ", 2)
            entries.append((int(times), int(amount), what, []))
    return program, entries


def lines(program, addresses):
    """The lines of src/train at each address, innermost first."""
    ask = "\n".join(hex(address) for address in addresses)
    told = subprocess.run(["addr2line", "-a", "-i", "-e", program], input=ask, capture_output=True, text=True).stdout
    found, address = collections.defaultdict(list), None
    for line in told.splitlines():
        if line.startswith("0x"):
            address = int(line, 16)
        elif "src/train/" in line:
            found[address].append(re.sub(r" \(discriminator \d+\)", "", line[line.index("src/train/"):]))
    return found


def main():
    path, steps = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    program, entries = read(path)
    where = lines(program, sorted({address for entry in entries for address in entry[3]}))
    sums = collections.defaultdict(lambda: [0, 0])
    for times, amount, what, addresses in entries:
        place = next((line for address in addresses for line in where[address]), "elsewhere")
        kind = what if not what.startswith("kernel") else "kernel"
        for key in {(kind, place), (kind, "all")}:
            sums[key][0] += times
            sums[key][1] += amount
    for (kind, place), (times, amount) in sorted(sums.items(), key=lambda item: (item[0][0], -item[1][0])):
        print(f"{times / steps:10.1f} {amount / steps:14.0f}  {kind:24} {place}")


main()
