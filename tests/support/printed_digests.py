"""The digests that C++ tests print, by which machines are compared.

Not part of the package.
"""

from __future__ import annotations

import re

DIGESTS = "training_digests_test"
QUANTIZED_DIGESTS = "quantized_digests_test"  # the same on every machine


def digests_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^digest (\w+) ([0-9a-f]{16})$", text, re.MULTILINE))


def isa_in(text: str) -> str:
    """The instruction set of the digests."""
    (isa,) = re.findall(r"^isa (\w+)$", text, re.MULTILINE)
    return str(isa)
