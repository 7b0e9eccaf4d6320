"""Generated images of circles, squares and triangles, for segmentation and for detection."""

from __future__ import annotations

from cnnx import _core
from cnnx.arguments import FloatArray, PairLike, at_least, integer, pair
from cnnx.data.dataset import Labels, Pixels
from cnnx.spelling import checked_call

# Classes of the pixels of `shapes`, in the order of their numbers.
SHAPE_CLASSES = ("background", "circle", "square", "triangle")


@checked_call
def shapes(count: int, *, seed: int = 0, size: PairLike = (128, 128)) -> tuple[Pixels, Pixels]:
    """Generate colour images of one to three shapes each, with the class of every pixel.

    Shapes are filled circles, squares and triangles of random colour, size, place and rotation,
    which may overlap, on a background that changes smoothly. All pixels have noise. Colours do not
    tell the class. The same seed gives the same images on every machine. Image k does not depend
    on `count`.

    Args:
        count: number of images.
        seed: seed of the images.
        size: height and width of the images in pixels, an integer or (height, width), each 32 to
            4096.

    Returns:
        uint8 pixels of shape (count, height, width, 3) and uint8 masks of shape
        (count, height, width), whose values are the indices of `SHAPE_CLASSES`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if count, seed or a side is out of range.

    Example:
        >>> x, masks = shapes(4)
        >>> x.shape, masks.shape, sorted({SHAPE_CLASSES[i] for i in masks.flat})
        ((4, 128, 128, 3), (4, 128, 128), ['background', 'circle', 'triangle'])
    """
    height, width = pair(size, "shapes", "size")
    return _core.draw_shapes(
        integer(count, "shapes", "count"), height, width, at_least(0, seed, "shapes", "seed")
    )


@checked_call
def single_shapes(
    count: int, *, seed: int = 0, size: PairLike = (128, 128)
) -> tuple[Pixels, Labels, FloatArray]:
    """Generate images as `shapes` with one shape each, with its class and bounding box.

    Args:
        count: number of images.
        seed: seed of the images.
        size: height and width of the images in pixels, an integer or (height, width), each 32 to
            4096.

    Returns:
        uint8 pixels of shape (count, height, width, 3); int64 labels of shape (count,), the indices
        of `SHAPE_CLASSES[1:]`; float32 boxes of shape (count, 4): top, left, bottom and right as
        fractions of the height or width of the image.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if count, seed or a side is out of range.

    Example:
        >>> x, labels, boxes = single_shapes(2, size=64)
        >>> x.shape, labels.shape, boxes.shape
        ((2, 64, 64, 3), (2,), (2, 4))
    """
    height, width = pair(size, "single_shapes", "size")
    return _core.draw_single_shapes(
        integer(count, "single_shapes", "count"),
        height,
        width,
        at_least(0, seed, "single_shapes", "seed"),
    )
