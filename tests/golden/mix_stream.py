"""The first numbers of the stream of a mixed sample, from the definition: pip install xxhash; python mix_stream.py

Seed of ChaCha8: two xxh3-128 hashes, of seeds 0 and 1, of
"semdepth mix" + seed (8 bytes) + copy (4) + purpose (1) + length of the method (8) + method + key, all little endian.
"""

import struct

import xxhash

MASK = 0xFFFFFFFF


def rotate(value, n):
    return ((value << n) | (value >> (32 - n))) & MASK


def quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & MASK
        s[z] = rotate(s[z] ^ s[x], n)


def chacha8_block(key, counter):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key),
             counter & MASK, counter >> 32, 0, 0]
    state = list(start)
    for _ in range(4):
        for columns in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(state, *columns)
        for diagonals in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(state, *diagonals)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(start, state)))


def units(seed, method, key, copy, purpose, n):
    method, key = method.encode(), key.encode()
    message = b"semdepth mix" + struct.pack("<QIBQ", seed, copy, purpose, len(method)) + method + key
    chacha_key = b"".join(xxhash.xxh3_128_intdigest(message, seed=s).to_bytes(16, "little") for s in (0, 1))
    words = struct.unpack("<8Q", chacha8_block(chacha_key, 0))
    return [(word >> 11) / 2**53 for word in words[:n]]


print(units(7, "nearfarmix", "kitchen/0001", 0, 2, 2))
