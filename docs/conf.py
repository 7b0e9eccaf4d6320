"""Sphinx's configuration of the documentation site, which `python -m docs` builds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import cnnx
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

# It explains plots that are as intended.
logging.getLogger("matplotlib").setLevel(logging.WARNING)

project = "cnnx"
author = "the authors of cnnx"
project_copyright = author
version = release = cnnx.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "docs.docstring_types",
    "docs.mathml",
    "docs.navigation",
]
exclude_patterns = ["files"]
highlight_language = "text"
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# docs.docstring_types writes the types, as the source has them.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_attr_annotations = False
napoleon_custom_sections = ["Shape"]
maximum_signature_line_length = 80
python_trailing_comma_in_multi_line_signatures = False
smartquotes_action = "D"  # dashes alone: a quoted word is a value to type

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "python"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "docs.gallery.ExampleOrder",
    "reset_argv": "docs.gallery.arguments",
    # The arguments of a notebook's kernel are not those of the script.
    "first_notebook_cell": "import sys\n\nsys.argv[1:] = []",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("cnnx",),
    "reference_url": {"cnnx": None},
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
}

html_theme = "furo"
html_title = f"cnnx {version}"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_search_scorer = str(ROOT / "docs" / "search_scorer.js")
html_copy_source = False
html_domain_indices = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": False}


def setup(app: Sphinx) -> None:
    """Show graphs in Mermaid's language as text: drawing them would need a script."""
    app.add_lexer("mermaid", TextLexer)
