"""What `cnnx explain` writes about an image."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """The explained class of an image, and the contents of its two files.

    Attributes:
        label: name of the class.
        number: its probability, or its part of the pixels.
        contents: bytes of the files.
    """

    label: str
    number: float
    contents: tuple[bytes, bytes]
