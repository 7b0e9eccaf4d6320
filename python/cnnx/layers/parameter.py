"""Parameter, a trained array that does not depend on the image."""

from __future__ import annotations

from cnnx.arguments import PairLike, integer, pair
from cnnx.layers.base import Layer

__all__ = ["Parameter"]


class Parameter(Layer):
    """A trained array, the same for every image: a class token, positions, learned queries.

    ``output[image] = weight``. The input only tells the number of images, and its gradient is
    zero. The array `weight` begins uniform with a standard deviation of 0.02, as tokens and
    positions are drawn in practice. Assign other values to ``model.parameters["name.weight"]``, and
    set ``trainable = False`` for an array that training must not change, such as coordinates.

    Args:
        size: height and width of the array, an integer or (height, width).
        channels: channels of the array.
        name: name in `Model.layer_outputs`; "parameter_1" and so on when None.

    Shape:
        (batch, ...) to (batch, height, width, channels); weight (height, width, channels).

    References:
        A. Dosovitskiy and others: An Image is Worth 16x16 Words, 2021. R. Liu and others: An
        Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution, 2018.

    Example:
        A class token in front of 16 patches, then a position for each token.

        >>> from cnnx import Add, Concat, Conv2d, Input, Model, Reshape
        >>> image = Input((32, 32, 3))
        >>> patches = Reshape(1, 16 * 64)(Conv2d(64, 8, stride=8)(image))
        >>> tokens = Concat()(Parameter(1, 64, name="class_token")(image), patches)
        >>> positions = Parameter((1, 17), 64, name="positions")(image)
        >>> tokens = Add()(Reshape((1, 17), 64)(tokens), positions)
        >>> model = Model.from_graph(image, tokens)
        >>> model.parameters["class_token.weight"].shape
        (1, 1, 64)
    """

    kind = "parameter"

    def __init__(self, size: PairLike, channels: int, *, name: str | None = None) -> None:
        super().__init__(
            {
                "size": pair(size, "Parameter", "size"),
                "channels": integer(channels, "Parameter", "channels"),
            },
            name,
        )
