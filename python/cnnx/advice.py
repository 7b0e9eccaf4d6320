"""The warning of cnnx: a call that runs but rarely means what it says."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

__all__ = ["Warning"]


class Warning(UserWarning):  # noqa: A001
    """Warning that a call runs but rarely means what it says; its sentence ends with the remedy.

    Example:
        >>> import cnnx, warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", cnnx.Warning)  # raised instead of shown
    """


def warn(message: str) -> None:
    """Warn with a `Warning` at the caller's line, the first one outside this package."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "cnnx":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, Warning, stacklevel=level)
