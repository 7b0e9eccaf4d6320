"""Layers between quantize layers, which inference runs on arrays of bytes."""

from __future__ import annotations

import numpy as np
import pytest
from comparison import assert_same_bits
from instruction_sets import INTEGER_CPU_FLAGS, digests, needs
from quantized_cases import CASES, cases

every_kind = pytest.mark.parametrize("kind", CASES)
COUNT = 40


@every_kind
def test_outputs_are_those_of_integer_arithmetic(kind: str) -> None:
    for case in cases(kind, COUNT):
        if case.tolerance == 0:
            assert_same_bits(case.model(case.x), case.expected)
        else:
            np.testing.assert_allclose(
                case.model(case.x), case.expected, rtol=0, atol=case.tolerance
            )


@every_kind
def test_nothing_is_converted_to_floats_between_layers(kind: str) -> None:
    for case in cases(kind, 4):
        times = case.model._core.layer_times(case.x, 1)
        assert [layers for layers, _ in times] == case.steps


@every_kind
def test_outputs_are_those_in_floats_within_one_step(kind: str) -> None:
    """The outputs of all layers are computed in floats."""
    for case in cases(kind, COUNT):
        floats = list(case.model.layer_outputs(case.x).values())[-1]
        scale = getattr(case.model.layers[-1], "scale", 1e-5)
        assert np.abs(case.model(case.x) - floats).max() <= 1.001 * scale


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
def test_every_instruction_set_has_the_same_bits(isa: str) -> None:
    needs(isa)
    reference = digests("baseline", 1, "quantized_digests.py")
    for threads in (1, 2):
        assert digests(isa, threads, "quantized_digests.py") == reference
