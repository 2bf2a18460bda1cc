"""What a program asks of the device and which of our own lines ask it: places.py FILE [FEWER] [--top N].

FILE comes from SEMDEPTH_STANDIN_PLACES. With FEWER, from a run with a step less, the difference stands there: what one step asks.
Columns are how often and how much (bytes, threads, multiplications). First every kind of request, then its lines: the innermost of
src/train that led there. Backward passes run from closures of dfdx, so what they ask stands at the line that starts them.
"""

import argparse
import collections
import re
import subprocess


def read(path):
    """The program, and for each request and its addresses in the program how often and how much."""
    program, entries = "", []
    for line in open(path):
        if line.startswith("program "):
            program = line.split(None, 1)[1].strip()
        elif not line.startswith("  "):
            times, amount, what = line.strip().split(" ", 2)
            entries.append((what, [], int(times), int(amount)))
        elif line.strip().startswith(program) and (address := re.search(r"\(\+(0x[0-9a-f]+)\)", line)):
            entries[-1][1].append(int(address.group(1), 16) - 1)
    found = collections.defaultdict(lambda: [0, 0])
    for what, addresses, times, amount in entries:
        found[what, tuple(addresses)][0] += times
        found[what, tuple(addresses)][1] += amount
    return program, found


def own_lines(program, addresses):
    """The innermost line of src/train at each address, if it has one."""
    ask = "\n".join(map(hex, addresses))
    told = subprocess.run(["addr2line", "-a", "-i", "-e", program], input=ask, capture_output=True, text=True).stdout
    found, address = {}, None
    for line in told.splitlines():
        if line.startswith("0x"):
            address = int(line, 16)
        elif "src/train/" in line:
            found.setdefault(address, re.sub(r" \(.*", "", line[line.index("src/train/"):]))
    return found


def show(sums, top):
    for key, (times, amount) in sorted(sums.items(), key=lambda item: (-item[1][0], -item[1][1]))[:top]:
        if times or amount:
            print(f"{times:10} {amount:16}  {'  '.join(key)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("fewer", nargs="?")
    parser.add_argument("--top", type=int)
    options = parser.parse_args()
    program, found = read(options.file)
    for key, (times, amount) in read(options.fewer)[1].items() if options.fewer else ():
        found[key][0] -= times
        found[key][1] -= amount
    lines = own_lines(program, sorted({address for _, addresses in found for address in addresses}))
    kinds, places = collections.defaultdict(lambda: [0, 0]), collections.defaultdict(lambda: [0, 0])
    for (what, addresses), entry in found.items():
        place = next((lines[address] for address in addresses if address in lines), "elsewhere")
        kernel = what.startswith("kernel: ")
        for sums, key in [(kinds, (what,)), (places, ("launches" if kernel else what, place))] + [(kinds, ("launches",))] * kernel:
            sums[key][0] += entry[0]
            sums[key][1] += entry[1]
    show(kinds, options.top)
    for kind in sorted({kind for kind, _ in places}):
        print(f"\n{kind}")
        show({(place,): sums for (of, place), sums in places.items() if of == kind}, options.top)


main()
