"""A Sphinx extension that writes formulas as MathML, which browsers draw without a script."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

_LOGGER = logging.getLogger(__name__)


def converted(formula: str, display: str) -> tuple[str, str | None]:
    """The formula as MathML, and the first command or sign that the converter does not know."""
    mathml = str(convert(formula, display=display))
    unknown = re.search(r"<m[io]>(\\\w+|&)</m[io]>", mathml)
    return mathml, unknown[1] if unknown else None


def _mathml(node: nodes.Element, display: str) -> str:
    mathml, unknown = converted(node.astext(), display)
    if unknown:
        _LOGGER.warning("no MathML for %s in %s", unknown, node.astext(), location=node)
    return mathml


def _visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def _visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{_mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
