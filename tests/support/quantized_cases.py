"""Random layers of every kind that reads arrays of bytes.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from quantized_convolutions import CONVOLUTION_CASES
from quantized_copies import COPY_CASES
from quantized_elementwise import ELEMENTWISE_CASES
from quantized_numbers import Case
from quantized_pools import POOL_CASES

CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    **CONVOLUTION_CASES,
    **POOL_CASES,
    **ELEMENTWISE_CASES,
    **COPY_CASES,
}


def cases(kind: str, count: int) -> Iterator[Case]:
    for seed in range(count):
        yield CASES[kind](np.random.default_rng(seed))
