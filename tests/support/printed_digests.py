"""The digests that cpp/tests/training_digests_test.cpp prints, by which machines are compared.

Not part of the package.
"""

from __future__ import annotations

import re

DIGESTS = "training_digests_test"


def digests_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^digest (\w+) ([0-9a-f]{16})$", text, re.MULTILINE))


def isa_in(text: str) -> str:
    """The instruction set of the digests."""
    (isa,) = re.findall(r"^isa (\w+)$", text, re.MULTILINE)
    return str(isa)
