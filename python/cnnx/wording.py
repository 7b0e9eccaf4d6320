"""Numbers with their nouns in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Number with its noun: `1 step`, `1,200 steps`, `2 classes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
