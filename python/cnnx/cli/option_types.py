"""Types of command-line options, which parse and check a value."""

from __future__ import annotations

import argparse
import math

_LARGEST_SEED = 2**63 - 1


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1."""
    value = _integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def seed(text: str) -> int:
    """Parse a seed of a model and a trainer."""
    value = _integer(text)
    if not 0 <= value <= _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_LARGEST_SEED}")
    return value


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    value = _number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def fraction(text: str) -> float:
    """Parse a number in [0, 1)."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a fraction from 0 to below 1")
    return value


def size(text: str) -> tuple[int, int]:
    """Parse an image size: `64`, or `48x64` for height and width."""
    sides = [positive_integer(side) for side in text.lower().split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"{text} is neither SIDE nor HEIGHTxWIDTH")
    return sides[0], sides[-1]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not finite")
    return value
