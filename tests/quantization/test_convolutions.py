"""Convolutions and dense layers with int8 weights, which inference runs on arrays of bytes."""

from __future__ import annotations

import pytest
from quantized_cases import cases
from quantized_convolutions import CONVOLUTION_CASES

every_kind = pytest.mark.parametrize("kind", CONVOLUTION_CASES)
COUNT = 60


@every_kind
def test_outputs_are_those_of_integer_arithmetic(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_bits()


@every_kind
def test_following_layers_are_fused(kind: str) -> None:
    for case in cases(kind, 10):
        case.check_steps()


@every_kind
def test_outputs_are_those_in_floats_within_one_step(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_floats()
