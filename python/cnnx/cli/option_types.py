"""Types of command-line options, which parse and check a value.

An error is the end of a sentence that begins with the option: `--epochs` `is 0, expected ...`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_LARGEST_SEED = 2**63 - 1
AUTO = "auto"
BALANCED = "balanced"


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1."""
    return _parsed(text, int, lambda value: value >= 1, "an integer >= 1")


def seed(text: str) -> int:
    """Parse a seed of a model and a trainer."""
    return _parsed(
        text, int, lambda value: 0 <= value <= _LARGEST_SEED, "an integer from 0 to 2**63 - 1"
    )


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    return _parsed(
        text, float, lambda value: 0 < value < math.inf, "a finite number above 0, such as 0.001"
    )


def fraction(text: str) -> float:
    """Parse a number in [0, 1)."""
    return _parsed(
        text, float, lambda value: 0 <= value < 1, "a fraction from 0 to below 1, such as 0.1"
    )


def mixup(text: str) -> float:
    """Parse the parameter of mixup."""
    return _parsed(
        text, float, lambda value: 0 < value <= 4, "a number above 0 and at most 4, such as 0.2"
    )


def size(text: str) -> tuple[int, int]:
    """Parse an image size: `64`, or `48x64` for height and width."""

    def sides(text: str) -> tuple[int, int]:
        height, x, width = text.lower().partition("x")
        return int(height), int(width if x else height)

    return _parsed(
        text, sides, lambda value: min(value) >= 1, "SIDE or HEIGHTxWIDTH, such as 64 or 48x64"
    )


# Pixels are from 0 to 1; means from 0 to 255 are the usual mistake.
_MEANS = "a number or one per channel for pixels from 0 to 1, such as 0.5 or 0.5,0.4,0.4"


def _are_of_pixels(values: list[float]) -> bool:
    return all(abs(value) <= 1 for value in values)


def means(text: str) -> list[float] | str:
    """Parse `auto`, one finite number or one per channel."""
    return _numbers_or(
        AUTO,
        text,
        _are_of_pixels,
        f"auto, {_MEANS}",
    )


def deviations(text: str) -> list[float] | str:
    """Parse `auto`, one finite number above 0 or one per channel."""
    return _numbers_or(
        AUTO,
        text,
        lambda values: min(values) > 0,
        "auto, a number above 0 or one per channel, such as 0.5 or 0.2,0.2,0.3",
    )


def numeric_means(text: str) -> list[float]:
    """Parse one number or one per channel."""
    return _parsed(text, _numbers, _are_of_pixels, _MEANS)


def positive_numbers(text: str) -> list[float]:
    """Parse one finite number above 0 or several."""
    return _parsed(
        text,
        _numbers,
        lambda values: all(0 < value < math.inf for value in values),
        "a number above 0 or one per channel, such as 0.5 or 0.2,0.2,0.3",
    )


def names(text: str) -> list[str]:
    """Parse different names separated by commas."""
    return _parsed(
        text,
        lambda text: [name.strip() for name in text.split(",")],
        lambda values: all(values) and len(set(values)) == len(values),
        "different names separated by commas, such as cat,dog",
    )


def class_weights(text: str) -> list[float] | str:
    """Parse `balanced`, or one finite number >= 0 per class, not all 0."""
    return _numbers_or(
        BALANCED,
        text,
        lambda values: min(values) >= 0 and max(values) > 0,
        "balanced, or one number >= 0 per class, such as 1,2.5",
    )


def _numbers_or(
    word: str, text: str, is_valid: Callable[[list[float]], bool], expected: str
) -> list[float] | str:
    """Parse a word as itself, and anything else as numbers separated by commas."""
    if text == word:
        return word
    return _parsed(
        text,
        _numbers,
        lambda values: all(map(math.isfinite, values)) and is_valid(values),
        expected,
    )


def _numbers(text: str) -> list[float]:
    return [float(each) for each in text.split(",")]


def _parsed(
    text: str, parse: Callable[[str], Value], is_valid: Callable[[Value], bool], expected: str
) -> Value:
    try:
        value = parse(text)
    except ValueError:
        pass
    else:
        if is_valid(value):
            return value
    raise argparse.ArgumentTypeError(f"is {text or repr(text)}, expected {expected}")
