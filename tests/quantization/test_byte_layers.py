"""Layers between quantize layers, which inference runs on arrays of bytes."""

from __future__ import annotations

import pytest
from quantized_cases import CASES, cases
from quantized_convolutions import CONVOLUTION_CASES

every_kind = pytest.mark.parametrize("kind", sorted(CASES.keys() - CONVOLUTION_CASES))
COUNT = 40


@every_kind
def test_outputs_are_those_of_integer_arithmetic(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_bits()


@every_kind
def test_nothing_is_converted_to_floats_between_layers(kind: str) -> None:
    for case in cases(kind, 4):
        case.check_steps()


@every_kind
def test_outputs_are_those_in_floats_within_one_step(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_floats()
