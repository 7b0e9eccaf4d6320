"""Detection of AddressSanitizer (.ci/sanitizers), and skips for tests that cannot run under it."""

from __future__ import annotations

import os

import pytest


def under_address_sanitizer() -> bool:
    """Whether the sanitizer's runtime is loaded into every process."""
    return "asan" in os.environ.get("LD_PRELOAD", "")


def not_under_address_sanitizer(reason: str) -> None:
    """Skip the calling test or module under the sanitizer."""
    if under_address_sanitizer():
        pytest.skip(f"under AddressSanitizer {reason}", allow_module_level=True)
