"""Reports: one HTML file about a model, its training and its mistakes.

The file needs neither network nor scripts. `write` measures a classifier on labelled images and
writes the page.
"""

from cnnx.report.writing import write

__all__ = ["write"]
