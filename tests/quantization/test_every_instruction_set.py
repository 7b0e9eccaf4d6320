"""Integer predictions have the same bits on every instruction set and number of threads."""

from __future__ import annotations

import pytest
from beside import Beside
from instruction_sets import INTEGER_CPU_FLAGS, digests, needs


def digests_on_threads(beside: Beside, isa: str) -> list[dict[str, str]]:
    """Those of an instruction set on one and two threads."""
    needs(isa)
    return [digests(isa, threads, "quantized_digests.py") for threads in (1, 2)]


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
@pytest.mark.beside(call=digests_on_threads)
def test_it_has_the_bits_of_the_baseline(isa: str, beside: Beside) -> None:
    baseline = digests("baseline", 1, "quantized_digests.py")
    assert beside.result(digests_on_threads, isa=isa) == [baseline, baseline]
