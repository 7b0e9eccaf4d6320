"""Displays in notebooks, through IPython where it runs already."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook."""
    package = sys.modules.get("IPython")
    shell = None if package is None else package.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def display(value: object) -> Any:
    """Show an object with `_repr_html_` in a notebook.

    Returns:
        A handle, whose `update` shows another object in the same place.
    """
    return import_module("IPython.display").display(value, display_id=True)
