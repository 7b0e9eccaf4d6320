"""The digests that C++ tests print, by which machines are compared.

Not part of the package.
"""

from __future__ import annotations

import os
import re
import subprocess

from cpp_build import CppBuild, command_of

DIGESTS = "training_digests_test"
QUANTIZED_DIGESTS = "quantized_digests_test"  # the same on every machine
ELEMENTARY_DIGESTS = "elementary_test"  # the same on every machine


def digests_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^digest (\w+) ([0-9a-f]{16})$", text, re.MULTILINE))


def isa_in(text: str) -> str:
    """The instruction set of the digests."""
    (isa,) = re.findall(r"^isa (\w+)$", text, re.MULTILINE)
    return str(isa)


def digests_here(cpp_build: CppBuild, test: str, isa: str) -> dict[str, str] | None:
    """The digests under an instruction set, or None if this CPU does not run it."""
    here = subprocess.run(
        command_of(test, cpp_build.folder),
        env={**os.environ, "CNNX_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    if here.returncode == 0:
        return digests_in(here.stdout)
    assert "expected one that this CPU runs" in here.stderr
    return None
