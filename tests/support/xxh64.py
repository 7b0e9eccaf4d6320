"""XXH64 with seed 0, from its specification. Not part of the package."""

from __future__ import annotations

PRIMES = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
MASK = 2**64 - 1


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & MASK


def added(total: int, word: int) -> int:
    return rotated((total + word * PRIMES[1]) & MASK, 31) * PRIMES[0] & MASK


def xxh64(content: bytes) -> int:
    """The checksum of some bytes."""
    one, two, three, four, five = PRIMES
    totals = [(one + two) & MASK, two, 0, -one & MASK]
    whole = len(content) // 32 * 32
    for begin in range(0, whole, 8):
        lane = begin // 8 % 4
        word = int.from_bytes(content[begin : begin + 8], "little")
        totals[lane] = added(totals[lane], word)
    found = five
    if whole:
        found = sum(rotated(each, bits) for each, bits in zip(totals, (1, 7, 12, 18), strict=True))
        for each in totals:
            found = ((found ^ added(0, each)) * one + four) & MASK
    found = (found + len(content)) & MASK
    rest = content[whole:]
    while len(rest) >= 8:
        word, rest = int.from_bytes(rest[:8], "little"), rest[8:]
        found = (rotated(found ^ added(0, word), 27) * one + four) & MASK
    if len(rest) >= 4:
        word, rest = int.from_bytes(rest[:4], "little"), rest[4:]
        found = (rotated(found ^ word * one & MASK, 23) * two + three) & MASK
    for byte in rest:
        found = rotated(found ^ byte * five & MASK, 11) * one & MASK
    found = (found ^ found >> 33) * two & MASK
    found = (found ^ found >> 29) * three & MASK
    return found ^ found >> 32
