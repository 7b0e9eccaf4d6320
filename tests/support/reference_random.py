"""Reference random numbers: Philox4x32-10 in plain Python, written from the paper.

Not part of the package. J. Salmon, M. Moraes, R. Dror, D. Shaw: Parallel Random Numbers: As Easy as
1, 2, 3, 2011.
"""

from __future__ import annotations


def philox4x32(counter: list[int], key: list[int]) -> list[int]:
    """Ten rounds, as in the paper."""
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (second >> 32) ^ counter[1] ^ key[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ counter[3] ^ key[1],
            first & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def uniform(seed: int, stream: int, step: int, index: int) -> float:
    """The number in [0, 1) of a purpose (`stream`), a step and an index."""
    block, word = divmod(index, 4)
    counter = [
        block & 0xFFFFFFFF,
        (block >> 32 & 0xFFFF) | (step >> 32 & 0xFFFF) << 16,
        step & 0xFFFFFFFF,
        stream,
    ]
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32])
    return float((words[word] >> 8) * 2.0**-24)
