"""Charts and images as Axes of matplotlib, which the extra `plot` installs.

Each function draws into `ax`, by default into a new figure, and returns the Axes.
"""

from cnnx.plot.curves import history, reliability, threshold_curve
from cnnx.plot.images import feature_maps, filters, overlay
from cnnx.plot.matrix import confusion_matrix

__all__ = [
    "confusion_matrix",
    "feature_maps",
    "filters",
    "history",
    "overlay",
    "reliability",
    "threshold_curve",
]
