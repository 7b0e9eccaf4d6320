"""The error of a quantization that costs too much accuracy."""

from __future__ import annotations


class AccuracyDropError(ValueError):
    """A quantization costs more accuracy than is allowed; the message has the figures.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> try:
        ...     small = cnnx.quantize(model, x, check=(x, y), max_accuracy_drop=0.001)
        ... except cnnx.quantization.AccuracyDropError:
        ...     small = model
    """
