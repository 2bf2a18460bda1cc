"""NearFarMix with NumPy and zarr-python, for comparison with `sdprep mix`: the same shards, the same codecs.

Usage: mix_numpy.py SET OUT         reads SET, writes OUT with two processes, prints the seconds
       mix_numpy.py --compute SET   prints the seconds that mask and compose alone take for a sample
"""

import sys
import time
from multiprocessing import Pool

import numpy as np
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec

FIELDS = ("image", "depth", "semantics")


def mixed(a, b, u):
    depth = a["depth"]
    valid = depth[depth > 0]
    rank = int(u * (valid.size - 1))
    mask = (depth <= np.partition(valid, rank)[rank]) & (depth > 0)
    return {field: np.where(mask, a[field], b[field]) for field in FIELDS}


def half(job):
    source, target, rows = job
    source, target = zarr.open_group(source, mode="r"), zarr.open_group(target, mode="r+")
    rng = np.random.default_rng(7)
    n, step = source["image"].shape[0], target["image"].shards[0]
    sources, targets = ({f: g[f] for f in FIELDS} for g in (source, target))
    for start in range(rows.start, rows.stop, step):
        shard = range(start, min(start + step, rows.stop))
        results = []
        for row in shard:
            b = {f: sources[f][row] for f in FIELDS}
            partner = int(rng.integers(n))
            results.append(mixed({f: sources[f][partner] for f in FIELDS}, b, rng.uniform(0.25, 0.75)))
        for field in FIELDS:  # a shard at once: zarr-python writes whole shards
            targets[field][shard.start:shard.stop] = np.stack([r[field] for r in results])


def main(source, target):
    start = time.perf_counter()
    group, out = zarr.open_group(source, mode="r"), zarr.open_group(target, mode="w", zarr_format=3)
    for field in FIELDS:
        array = group[field]
        codecs = {"serializer": BytesCodec(), "compressors": [ZstdCodec(level=3), Crc32cCodec()]}
        shards = (32, *array.shape[1:])
        out.create_array(field, shape=array.shape, dtype=array.dtype, chunks=(1, *array.shape[1:]), shards=shards, **codecs)
    n = group["image"].shape[0]
    middle = n // 2 // 32 * 32
    with Pool(2) as pool:
        pool.map(half, [(source, target, range(middle)), (source, target, range(middle, n))])
    print(time.perf_counter() - start)


def compute(source):
    group = zarr.open_group(source, mode="r")
    samples = [{f: group[f][row] for f in FIELDS} for row in range(16)]
    best = []
    for _ in range(5):
        seconds = 0.0
        for i in range(16):
            # Both samples have just been written, as when they come from their shard.
            a, b = ({f: v.copy() for f, v in samples[j % 16].items()} for j in (i, i + 1))
            start = time.perf_counter()
            mixed(a, b, 0.25 + i / 32)
            seconds += time.perf_counter() - start
        best.append(seconds / 16)
    print(sorted(best)[2])


if __name__ == "__main__":
    compute(sys.argv[2]) if sys.argv[1] == "--compute" else main(*sys.argv[1:3])
