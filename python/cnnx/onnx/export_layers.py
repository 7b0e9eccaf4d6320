"""Exporters of all kinds of layers, and the kinds that take features in any order."""

from __future__ import annotations

from cnnx.onnx import export_norms, export_shapes, export_windows
from cnnx.onnx.export_activations import ELEMENTWISE, OVER_CHANNELS, Exporter

EXPORTERS: dict[str, Exporter] = {
    **ELEMENTWISE,
    **OVER_CHANNELS,
    **export_norms.EXPORTERS,
    **export_shapes.EXPORTERS,
    **export_windows.EXPORTERS,
}

# Kinds whose weights can be put in the order of the features that they read, and kinds whose output
# has the order of their input.
ORDER_ABSORBERS = {"dense"}
ORDER_CARRIERS = {*ELEMENTWISE, "dropout", "scale2d"}
