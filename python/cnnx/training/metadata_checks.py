"""Checks of values in a checkpoint's metadata, which are untrusted.

A name in an error message is the path of the value in the metadata, such as `run.epoch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnnx.arguments import is_integer, shown

MOST = 2**53  # the largest count that every part of the program holds exactly


def members(value: object, name: str, expected: Sequence[str]) -> Mapping[str, Any]:
    """`value` as a mapping with the expected members and no other.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {shown(value)}, expected {', '.join(expected)} by name")
    missing = [each for each in expected if each not in value]
    if missing:
        raise ValueError(f"{name} has no {missing[0]}")
    unknown = [each for each in value if each not in expected]
    if unknown:
        raise ValueError(
            f"{name} has an unknown member {shown(unknown[0])}, expected {', '.join(expected)}"
        )
    return value


def items(value: object, name: str, expected: str) -> Sequence[Any]:
    """`value` as a list.

    Raises:
        ValueError: if it is not; the message says what was expected.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}, expected {expected}")
    return value


def count(value: object, name: str, least: int = 0, most: int = MOST) -> int:
    """`value` as an integer within the limits.

    Raises:
        ValueError: if it is not.
    """
    if not is_integer(value) or not least <= int(value) <= most:  # type: ignore[call-overload]
        limits = f">= {least}" if most == MOST else f"from {least} to {most}"
        raise ValueError(f"{name} is {shown(value)}, expected an integer {limits}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def boolean(value: object, name: str) -> bool:
    """`value` as a boolean.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {shown(value)}, expected true or false")
    return value


def text(value: object, name: str) -> str:
    """`value` as a string.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} is {shown(value)}, expected text")
    return value
