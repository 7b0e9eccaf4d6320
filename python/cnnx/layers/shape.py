"""Layers that rearrange an image: padding, cropping, upsampling, blocks of pixels, other shapes."""

from __future__ import annotations

from cnnx.arguments import (
    BLOCK_MODES,
    PAD_MODES,
    UPSAMPLE_MODES,
    PaddingLike,
    PairLike,
    boolean,
    explicit_sides,
    integer,
    one_of,
    pair,
)
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = [
    "ChannelShuffle",
    "Crop2d",
    "DepthToSpace",
    "Flatten",
    "InputPart",
    "Pad2d",
    "Reshape",
    "SliceChannels",
    "SpaceToDepth",
    "Upsample2d",
    "ZeroPad2d",
]


class Flatten(LayerWithoutSettings):
    """Flattening of an image in the order height, width, channels.

    Shape:
        (batch, height, width, channels) to (batch, height * width * channels).

    Example:
        >>> Flatten()
        Flatten()
    """

    kind = "flatten"


class Reshape(Layer):
    """The numbers of an image, or features, as an image of another shape.

    ``output = x.reshape(batch, height, width, channels)``: the order height, width, channels stays.
    A decoder makes an image of its features so.

    Args:
        size: height and width of the output, an integer or (height, width).
        channels: channels of the output.
        name: name in `Model.layer_outputs`; "reshape_1" and so on when None.

    Shape:
        (batch, ...) to (batch, height, width, channels), of as many numbers.

    Example:
        >>> from cnnx import Dense, Flatten, Model
        >>> model = Model([Flatten(), Dense(4 * 4 * 8), Reshape(4, 8)], input_shape=(28, 28, 1))
        >>> model.output_shape
        (4, 4, 8)
    """

    kind = "reshape"

    def __init__(self, size: PairLike, channels: int, *, name: str | None = None) -> None:
        super().__init__(
            {
                "size": pair(size, "Reshape", "size"),
                "channels": integer(channels, "Reshape", "channels"),
            },
            name,
        )


class ZeroPad2d(Layer):
    """Zero padding around the image.

    Args:
        padding: an integer, (height, width) or ((top, bottom), (left, right)).
        name: name in `Model.layer_outputs`; "zero_pad2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, top + height + bottom, left + width + right,
        channels).

    Example:
        >>> ZeroPad2d(((0, 1), (0, 1)))
        ZeroPad2d(padding=((0, 1), (0, 1)))
    """

    kind = "zero_pad2d"

    def __init__(self, padding: PaddingLike, *, name: str | None = None) -> None:
        super().__init__({"padding": explicit_sides(padding, "ZeroPad2d")}, name)


class Pad2d(Layer):
    """Padding with the image's own pixels.

    Args:
        padding: an integer, (height, width) or ((top, bottom), (left, right)).
        mode: "reflect" mirrors the image at its first and last pixels, without repeating them, so
            that the padding must be smaller than the image; "edge" repeats them.
        name: name in `Model.layer_outputs`; "pad2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, top + height + bottom, left + width + right,
        channels).

    Example:
        >>> Pad2d(1, mode="edge")
        Pad2d(padding=((1, 1), (1, 1)), mode='edge')
    """

    kind = "pad2d"

    def __init__(
        self, padding: PaddingLike, *, mode: str = "reflect", name: str | None = None
    ) -> None:
        super().__init__(
            {
                "padding": explicit_sides(padding, "Pad2d"),
                "mode": one_of(mode, PAD_MODES, "Pad2d", "mode"),
            },
            name,
        )


class Crop2d(Layer):
    """Removal of outer rows and columns of the image.

    Args:
        cropping: an integer, (height, width) or ((top, bottom), (left, right)). At least one row
            and one column stay.
        name: name in `Model.layer_outputs`; "crop2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, height - top - bottom, width - left - right,
        channels).

    Example:
        >>> Crop2d(((0, 1), (0, 1)))
        Crop2d(cropping=((0, 1), (0, 1)))
    """

    kind = "crop2d"

    def __init__(self, cropping: PaddingLike, *, name: str | None = None) -> None:
        super().__init__({"cropping": explicit_sides(cropping, "Crop2d", "cropping")}, name)


class Upsample2d(Layer):
    """Upsampling by an integer factor, or resampling to any size.

    Args:
        scale_factor: an integer or (height, width).
        size: height and width of the output, an integer or (height, width), instead of a factor.
        mode: "nearest" or "bilinear", as in PyTorch.
        align_corners: in bilinear mode, whether the centres of the corner pixels of input and
            output lie on each other; by default their outer corners do.
        name: name in `Model.layer_outputs`; "upsample2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, height * scale, width * scale, channels), or
        (batch, out_height, out_width, channels) with `size`.

    Example:
        >>> Upsample2d(2, mode="bilinear").settings["scale_factor"]
        [2, 2]
        >>> Upsample2d(size=(7, 9)).settings["size"]
        [7, 9]
    """

    kind = "upsample2d"

    def __init__(
        self,
        scale_factor: PairLike = 1,
        *,
        size: PairLike | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(
            {
                "scale_factor": pair(scale_factor, "Upsample2d", "scale_factor"),
                "size": [0, 0] if size is None else pair(size, "Upsample2d", "size"),
                "mode": one_of(mode, UPSAMPLE_MODES, "Upsample2d", "mode"),
                "align_corners": boolean(align_corners, "Upsample2d", "align_corners"),
            },
            name,
        )


class DepthToSpace(Layer):
    """Channels to blocks of pixels, also called pixel shuffle.

    Args:
        block_size: height and width of a block.
        mode: order of the input's channels: "DCR" is row, column, channel, and "CRD" is channel,
            row, column, as in PyTorch's pixel_shuffle. The words are ONNX's.
        name: name in `Model.layer_outputs`; "depth_to_space_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, height * block_size, width * block_size,
        channels / block_size**2).

    References:
        W. Shi and others: Real-Time Single Image and Video Super-Resolution Using an Efficient
        Sub-Pixel Convolutional Neural Network, 2016.

    Example:
        >>> DepthToSpace(2)
        DepthToSpace(block_size=2, mode='DCR')
    """

    kind = "depth_to_space"

    def __init__(self, block_size: int, *, mode: str = "DCR", name: str | None = None) -> None:
        super().__init__(
            {
                "block_size": integer(block_size, "DepthToSpace", "block_size"),
                "mode": one_of(mode, BLOCK_MODES, "DepthToSpace", "mode"),
            },
            name,
        )


class SpaceToDepth(Layer):
    """Blocks of pixels to channels: the inverse of `DepthToSpace`.

    Args:
        block_size: height and width of a block, divisors of the image's.
        mode: order of the output's channels, as for `DepthToSpace`; "CRD" as in PyTorch's
            pixel_unshuffle.
        name: name in `Model.layer_outputs`; "space_to_depth_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, height / block_size, width / block_size,
        channels * block_size**2).

    Example:
        >>> SpaceToDepth(2, mode="CRD")
        SpaceToDepth(block_size=2, mode='CRD')
    """

    kind = "space_to_depth"

    def __init__(self, block_size: int, *, mode: str = "DCR", name: str | None = None) -> None:
        super().__init__(
            {
                "block_size": integer(block_size, "SpaceToDepth", "block_size"),
                "mode": one_of(mode, BLOCK_MODES, "SpaceToDepth", "mode"),
            },
            name,
        )


class ChannelShuffle(Layer):
    """Interleaving of the channels of groups.

    ``output[..., j * groups + g] = x[..., g * (channels / groups) + j]``, so that a grouped
    convolution reads channels of all groups of the one before.

    Args:
        groups: number of groups, a divisor of the channels.
        name: name in `Model.layer_outputs`; "channel_shuffle_1" and so on when None.

    Shape:
        (batch, ..., channels) to the same.

    References:
        X. Zhang and others: ShuffleNet, 2017.

    Example:
        >>> ChannelShuffle(2)
        ChannelShuffle(groups=2)
    """

    kind = "channel_shuffle"

    def __init__(self, groups: int, *, name: str | None = None) -> None:
        super().__init__({"groups": integer(groups, "ChannelShuffle", "groups")}, name)


class SliceChannels(Layer):
    """Some successive channels, ``x[..., start:stop]``.

    Args:
        start: first channel, from 0.
        stop: end of the channels, not included.
        name: name in `Model.layer_outputs`; "slice_channels_1" and so on when None.

    Shape:
        (batch, ..., channels) to (batch, ..., stop - start).

    Example:
        >>> SliceChannels(0, 24)
        SliceChannels(start=0, stop=24)
    """

    kind = "slice_channels"

    def __init__(self, start: int, stop: int, *, name: str | None = None) -> None:
        super().__init__(
            {
                "start": integer(start, "SliceChannels", "start"),
                "stop": integer(stop, "SliceChannels", "stop"),
            },
            name,
        )


class InputPart(Layer):
    """One of several inputs: an image in the numbers of a flat input.

    ``output = x.reshape(batch, -1)[:, offset:offset + size].reshape(batch, height, width,
    channels)``, where size is height * width * channels. `Model.from_graph` adds these layers to a
    model with several inputs, with the names of the inputs.

    Args:
        offset: first number of the part in the input, from 0.
        size: height and width of the part, an integer or (height, width).
        channels: channels of the part.
        name: name of the input; "input_part_1" and so on when None.

    Shape:
        (batch, 1, 1, numbers) to (batch, height, width, channels).

    Example:
        >>> InputPart(0, (32, 32), 3)
        InputPart(offset=0, size=[32, 32], channels=3)
    """

    kind = "input_part"

    def __init__(
        self, offset: int, size: PairLike, channels: int, *, name: str | None = None
    ) -> None:
        super().__init__(
            {
                "offset": integer(offset, "InputPart", "offset"),
                "size": pair(size, "InputPart", "size"),
                "channels": integer(channels, "InputPart", "channels"),
            },
            name,
        )
