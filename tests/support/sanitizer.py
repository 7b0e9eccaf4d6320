"""Whether the tests run under AddressSanitizer (.ci/sanitizers), and what cannot be tested then.

Not part of the package.
"""

from __future__ import annotations

import os

import pytest


def under_address_sanitizer() -> bool:
    """Whether the sanitizer's runtime is loaded into every process."""
    return "asan" in os.environ.get("LD_PRELOAD", "")


def not_under_address_sanitizer(reason: str) -> None:
    """Skips the test, or the module that calls it, under it."""
    if under_address_sanitizer():
        pytest.skip(f"under AddressSanitizer {reason}", allow_module_level=True)
