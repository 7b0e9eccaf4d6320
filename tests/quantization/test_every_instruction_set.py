"""Integer predictions have the same bits on every instruction set and number of threads."""

from __future__ import annotations

import pytest
from instruction_sets import INTEGER_CPU_FLAGS, digests, needs


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
@pytest.mark.beside
def test_it_has_the_bits_of_the_baseline(isa: str) -> None:
    needs(isa)
    baseline = digests("baseline", 1, "quantized_digests.py")
    for threads in (1, 2):
        assert digests(isa, threads, "quantized_digests.py") == baseline
