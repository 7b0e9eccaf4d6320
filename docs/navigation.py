"""A Sphinx extension that unfolds the navigation at the side only around the current page.

All of several hundred pages on every page would take most of the build's time and of its size.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_BEFORE_THE_THEME = 400


def _unfold_less(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Replace the function by which the theme asks for the navigation."""
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**{**options, "collapse": True})


def setup(app: Sphinx) -> ExtensionMetadata:
    """Come before the theme, which asks once per page."""
    app.connect("html-page-context", _unfold_less, priority=_BEFORE_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
