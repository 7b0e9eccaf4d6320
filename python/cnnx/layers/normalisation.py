"""Normalisation layers, and a scale and a shift without normalisation."""

from __future__ import annotations

from cnnx.advice import warn
from cnnx.arguments import boolean, integer, real_number
from cnnx.layers.base import Layer

__all__ = [
    "BatchNorm2d",
    "GlobalResponseNorm",
    "GroupNorm",
    "L2Norm",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "Scale2d",
]


class BatchNorm2d(Layer):
    """Batch normalisation of every channel, followed by a scale and a shift.

    ``output = (x - mean) / sqrt(variance + epsilon) * weight + bias``. In training, mean and
    variance are those of the batch over all its pixels. In inference they are the running
    averages, and the layer is fused into the convolution before it.

    Args:
        momentum: weight of the batch in the running averages, from 0 to 1. From 0.9 to 1 it draws a
            `cnnx.Warning`, because Keras means the weight of the averages.
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
        weight = real_number(momentum, "BatchNorm2d", "momentum")
        if 0.9 <= weight < 1:
            warn(
                f"BatchNorm2d: momentum is {weight:g}, the weight of the newest batch, expected a "
                f"small one: Keras's momentum={weight:g} is momentum={1 - weight:g}"
            )
        super().__init__(
            {
                "momentum": weight,
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


class GlobalResponseNorm(Layer):
    """Global response normalisation: channels with large maps grow, and the others shrink.

    ``output = x + weight * x * n + bias``, where n of a channel is the norm of its map, the square
    root of the sum of its squares, divided by the mean of the norms of all channels of the image
    plus epsilon. Weight and bias begin at 0, so that the layer at first changes nothing. The output
    of an image is independent of the other images in the batch.

    Args:
        epsilon: added to the mean of the norms for numerical stability.
        name: name in files and in `Model.layer_outputs`; "global_response_norm_1" and so on when
            None.

    Shape:
        (batch, height, width, channels) to the same; weight and bias are (channels,).

    References:
        S. Woo, S. Debnath, R. Hu, X. Chen, Z. Liu, I. S. Kweon, S. Xie: ConvNeXt V2: Co-designing
        and Scaling ConvNets with Masked Autoencoders, 2023.

    Example:
        >>> GlobalResponseNorm()
        GlobalResponseNorm(epsilon=1e-06)
    """

    kind = "global_response_norm"

    def __init__(self, *, epsilon: float = 1e-6, name: str | None = None) -> None:
        super().__init__({"epsilon": real_number(epsilon, "GlobalResponseNorm", "epsilon")}, name)


class L2Norm(Layer):
    """L2 normalisation of the channels of every pixel, or of the features of an image.

    ``output = x / max(norm, epsilon)``, where norm is the square root of the sum of the squares
    along the last axis, as ``torch.nn.functional.normalize`` of the channels. Embeddings of faces
    or of images end in it; a `Scale2d` after it has the learned scale of SSD. Zeros stay zeros. A
    sum of squares beyond float32, of numbers from about 1e19 on, gives zeros, as in PyTorch.

    Args:
        epsilon: least divisor, which keeps the outputs of small numbers finite.
        name: name in files and in `Model.layer_outputs`; "l2_norm_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same.

    References:
        F. Schroff, D. Kalenichenko, J. Philbin: FaceNet: A Unified Embedding for Face Recognition
        and Clustering, 2015; W. Liu, A. Rabinovich, A. C. Berg: ParseNet: Looking Wider to See
        Better, 2015.

    Example:
        >>> L2Norm()
        L2Norm(epsilon=1e-12)
    """

    kind = "l2_norm"

    def __init__(self, *, epsilon: float = 1e-12, name: str | None = None) -> None:
        super().__init__({"epsilon": real_number(epsilon, "L2Norm", "epsilon")}, name)


class RMSNorm(Layer):
    """RMS normalisation of the channels of every pixel, or of the features of an image.

    ``output = x / sqrt(mean + epsilon) * weight``, where mean is that of the squares along the last
    axis, as ``torch.nn.RMSNorm`` and ``keras.layers.RMSNormalization``. It is a `LayerNorm` that
    neither subtracts the mean nor adds a bias. A sum of squares beyond float32, of numbers from
    about 1e19 on, gives zeros, as in PyTorch.

    Args:
        epsilon: added to the mean of the squares: zeros stay zeros, and numbers below its root stay
            small. PyTorch's default is 1.2e-7.
        affine: whether a weight is trained; otherwise it is 1.
        name: name in files and in `Model.layer_outputs`; "rms_norm_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same; weight is (channels,).

    References:
        B. Zhang, R. Sennrich: Root Mean Square Layer Normalization, 2019.

    Example:
        >>> RMSNorm(affine=False)
        RMSNorm(epsilon=1e-06, affine=False)
    """

    kind = "rms_norm"

    def __init__(
        self, *, epsilon: float = 1e-6, affine: bool = True, name: str | None = None
    ) -> None:
        super().__init__(
            {
                "epsilon": real_number(epsilon, "RMSNorm", "epsilon"),
                "affine": boolean(affine, "RMSNorm", "affine"),
            },
            name,
        )


class LocalResponseNorm(Layer):
    """Local response normalisation of every pixel over neighbouring channels.

    ``output[c] = x[c] / (k + alpha / size * sum(x[j]**2))**beta``, where j runs over `size`
    channels around c. If `size` is even, one more lies above c than below it. Channels outside the
    image count as 0.

    Args:
        size: number of channels whose squares are added.
        alpha: factor of their mean, at least 0.
        beta: exponent of the divisor.
        k: number that the mean is added to, above 0.
        name: name in files and in `Model.layer_outputs`; "lrn_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same.

    References:
        A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet Classification with Deep Convolutional
        Neural Networks, 2012.

    Example:
        >>> LocalResponseNorm(5, k=2)
        LocalResponseNorm(size=5, alpha=0.0001, beta=0.75, k=2.0)
    """

    kind = "lrn"

    def __init__(
        self,
        size: int,
        *,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(
            {
                "size": integer(size, "LocalResponseNorm", "size"),
                "alpha": real_number(alpha, "LocalResponseNorm", "alpha"),
                "beta": real_number(beta, "LocalResponseNorm", "beta"),
                "k": real_number(k, "LocalResponseNorm", "k"),
            },
            name,
        )


class Scale2d(Layer):
    """Scale and shift of every channel with trained numbers: ``x * weight + bias``.

    Args:
        bias: whether a trained number is added to each channel.
        name: name in files and in `Model.layer_outputs`; "scale2d_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same; weight and bias are (channels,), at first 1 and 0.

    Example:
        >>> Scale2d(bias=False)
        Scale2d(bias=False)
    """

    kind = "scale2d"

    def __init__(self, *, bias: bool = True, name: str | None = None) -> None:
        super().__init__({"bias": boolean(bias, "Scale2d", "bias")}, name)
