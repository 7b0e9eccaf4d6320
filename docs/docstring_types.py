"""Extension of Sphinx: docstrings with the types that the source has, and links to names.

sphinx-autodoc-typehints would evaluate the annotations, and show the union behind `ArrayLike`.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from docs.generators.annotations import EXTERNAL_TYPES
from docs.generators.docstrings import linked, with_result_text, with_types

_INTEGERS = ("int32_t", "int64_t", "uint8_t", "uint64_t")  # of C and C++
_BEFORE_NAPOLEON, _AFTER_NAPOLEON = 400, 600


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("autodoc-process-docstring", _prepare, priority=_BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", _complete, priority=_AFTER_NAPOLEON)
    app.connect("config-inited", _ignore_external_types)
    return {"parallel_read_safe": True}


def _ignore_external_types(app: Sphinx, config: Any) -> None:
    """Types of other packages and of standard headers have no page to refer to."""
    config.nitpick_ignore = [
        *config.nitpick_ignore,
        *(("py:class", name) for name in EXTERNAL_TYPES),
        ("py:exc", "sklearn.exceptions.NotFittedError"),
        *((f"{language}:identifier", name) for language in ("c", "cpp") for name in _INTEGERS),
    ]


def _prepare(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    lines[:] = with_result_text(lines)


def _complete(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = with_types(linked("\n".join(lines), name).splitlines(), what, value)
