"""Leaves these tests out of the fast tier and where onnx is missing: collecting them takes long."""

from __future__ import annotations

import importlib.util

import pytest


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Whether to leave this folder out; None leaves the decision to others."""
    missing = importlib.util.find_spec("onnx") is None
    return True if missing or config.getoption("--tier") == "fast" else None
