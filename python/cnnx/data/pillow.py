"""Pillow, imported on first use."""

from __future__ import annotations

import shlex
import sys
from typing import Any


def pillow() -> Any:
    """Module PIL.Image, imported on first use, so that only image files need Pillow.

    Raises:
        ImportError: if Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "reading image files needs Pillow: "
            f"run {shlex.quote(sys.executable)} -m pip install pillow"
        ) from error
    return PIL.Image
