"""Normalisation layers: batch norm, group norm, layer norm."""

from __future__ import annotations

from cnnx.arguments import boolean, integer, real_number
from cnnx.layers.base import Layer

__all__ = ["BatchNorm2d", "GroupNorm", "LayerNorm"]


class BatchNorm2d(Layer):
    """Batch normalisation of every channel, followed by a scale and a shift.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``. In training, mean and
    variance are those of the batch over all its pixels. In inference they are the running
    averages, and the layer is fused into the convolution before it.

    Args:
        momentum: weight of the batch in the running averages, from 0 to 1.
        epsilon: added to the variance for numerical stability.
        affine: whether weight and bias are trained; otherwise they are 1 and 0.
        name: name in files and in `Model.layer_outputs`; "batch_norm2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to the same; weight, bias and the buffers running_mean and
        running_variance are (channels,). The running variance is unbiased. A batch of a single
        pixel is normalised by the running averages.

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


class GroupNorm(Layer):
    """Group normalisation of each image, followed by a scale and a shift of every channel.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``, in training and inference
    alike. The output of an image is independent of the other images in the batch.

    Args:
        groups: number of groups of neighbouring channels, a divisor of the channels. 1 normalises
            the whole image; one group per channel is instance normalisation.
        epsilon: added to the variance for numerical stability.
        name: name in files and in `Model.layer_outputs`; "group_norm_1" and so on when None.

    Shape:
        (batch, height, width, channels) or (batch, features) to the same; weight and bias are
        (channels,).

    References:
        Y. Wu, K. He: Group Normalization, 2018.

    Example:
        >>> GroupNorm(8)
        GroupNorm(groups=8, epsilon=1e-05)
    """

    kind = "group_norm"

    def __init__(self, groups: int, *, epsilon: float = 1e-5, name: str | None = None) -> None:
        super().__init__(
            {
                "groups": integer(groups, "GroupNorm", "groups"),
                "epsilon": real_number(epsilon, "GroupNorm", "epsilon"),
            },
            name,
        )


class LayerNorm(Layer):
    """Layer normalisation of the channels of every pixel, followed by a scale and a shift.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``, in training and inference
    alike. Only the last axis is normalised, as in ConvNeXt. `GroupNorm` with one group normalises
    whole images.

    Args:
        epsilon: added to the variance for numerical stability.
        name: name in files and in `Model.layer_outputs`; "layer_norm_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same; weight and bias are (channels,).

    References:
        J. L. Ba, J. R. Kiros, G. E. Hinton: Layer Normalization, 2016.

    Example:
        >>> LayerNorm(epsilon=1e-6)
        LayerNorm(epsilon=1e-06)
    """

    kind = "layer_norm"

    def __init__(self, *, epsilon: float = 1e-5, name: str | None = None) -> None:
        super().__init__({"epsilon": real_number(epsilon, "LayerNorm", "epsilon")}, name)
