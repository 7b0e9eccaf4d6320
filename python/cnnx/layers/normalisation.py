"""Layers that keep a channel's numbers in a middle range."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer, boolean


class BatchNorm2d(Layer):
    """Normalises every channel by its mean and variance, then scales and shifts it.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``. In training mean and
    variance are those of the batch, over all its pixels; in inference they are running averages of
    them, and the layer becomes part of a convolution before it.

    Args:
        momentum: share of a batch in the running averages, from 0 to 1.
        epsilon: keeps the quotient finite.
        affine: whether weight and bias are trained; without, they are 1 and 0.
        name: name in files and in `Model.layer_outputs`; "batch_norm2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to the same; weight, bias and the buffers running_mean and
        running_variance are (channels,). The running variance is the unbiased one. A batch that
        has a single pixel has no variance: it is normalised by the running averages.

    References:
        S. Ioffe, C. Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift, 2015.

    Example:
        >>> BatchNorm2d(momentum=0.4)
        BatchNorm2d(momentum=0.4, epsilon=1e-05, affine=True)
    """

    kind = "batch_norm2d"

    def __init__(
        self,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        affine: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(
            {
                "momentum": real_number(momentum, "BatchNorm2d", "momentum"),
                "epsilon": real_number(epsilon, "BatchNorm2d", "epsilon"),
                "affine": boolean(affine, "BatchNorm2d", "affine"),
            },
            name,
        )
