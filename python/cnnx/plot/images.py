"""Plots of images: filters of a convolution, maps of a layer, an explanation over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import real_array, shown
from cnnx.drawing import colours
from cnnx.explain import feature_maps as arranged_maps
from cnnx.model import model_argument
from cnnx.model.layer_names import layer_name
from cnnx.model.model import Model
from cnnx.plot.axes import as_image, axes_of
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cnnx.data.dataset import ImageLike

_MOST_FILTERS = 64
_MOST_INPUTS = 16
_GAP = 1  # pixels between filters


@checked_call
def filters(model: Model, layer: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Plot the kernels of a convolution.

    Kernels of three input channels are drawn in colour. Those of other channels are drawn one by
    one, orange where they are positive and blue where they are negative: a column per output
    channel, a row per input channel. The first 64 output and 16 input channels are drawn.

    Args:
        model: a model.
        layer: name of a convolution, as in `Model.layers`; None is the first one.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if there is no such layer, or it is no convolution.

    Example:
        >>> import cnnx
        >>> cnnx.plot.filters(cnnx.models.lenet5(), "conv2d_2")  # doctest: +SKIP
        <Axes: title={'center': 'conv2d_2'}>
    """
    model_argument.check_model(model, "filters")
    weights = {
        each.name: model.parameters[f"{each.name}.weight"]
        for each in model.layers
        if f"{each.name}.weight" in model.parameters
        and model.parameters[f"{each.name}.weight"].ndim == 4
    }
    if layer is None:
        if not weights:
            raise ValueError("filters: the model has no convolution, expected at least one")
        layer = next(iter(weights))
    layer_name(layer, [each.name for each in model.layers], "filters")
    if layer not in weights:
        raise ValueError(
            f"filters: layer {layer!r} is no convolution, expected one of {', '.join(weights)}"
        )
    ax = axes_of(ax, "filters")
    kernels = np.asarray(weights[layer], np.float64)[:, :, :_MOST_INPUTS, :_MOST_FILTERS]
    ax.imshow(_arranged(kernels), interpolation="nearest")
    ax.set_title(layer)
    return as_image(ax)


@checked_call
def feature_maps(
    model: Model, x: ImageLike, *, layer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Plot all maps of a layer for one image, each scaled to its own range.

    Args:
        model: any model.
        x: one image, as for a call of the model.
        layer: name of a layer with maps, as in `Model.layers`; None is the last one.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if `x` does not fit the model or is not a single image, or the layer is unknown
            or has no maps.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(1, size=28, seed=1)
        >>> cnnx.plot.feature_maps(cnnx.models.lenet5(), x[0], layer="relu_1")  # doctest: +SKIP
        <Axes: title={'center': 'relu_1'}>
    """
    maps = arranged_maps(model, x, layer=layer)
    if maps.ndim == 3:
        if len(maps) != 1:
            raise ValueError(f"feature_maps: x holds {len(maps)} images, expected one")
        maps = maps[0]
    ax = axes_of(ax, "feature_maps")
    ax.imshow(colours.heat(maps), interpolation="nearest")
    ax.set_title("last maps" if layer is None else layer)
    return as_image(ax)


@checked_call
def overlay(image: ArrayLike, values: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Plot a map of `cnnx.explain` over its image, which is drawn in grey.

    A map without negative values is drawn as heat, any other one in orange and blue.

    Args:
        image: pixels from 0 to 255 as uint8, or from 0 to 1 as floats.
        values: the map.
        ax: Axes to draw into; None makes a new figure.

    Shape:
        image (height, width) or (height, width, channels), values (height, width).

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if a shape is another one, or a value is not finite.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(1, size=28, seed=1)
        >>> heat = cnnx.explain.grad_cam(cnnx.models.lenet5(), x[0])
        >>> cnnx.plot.overlay(x[0], heat).get_title()  # doctest: +SKIP
        ''
    """
    pixels = real_array(image, "overlay", "image")
    heat = real_array(values, "overlay", "values")
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or not pixels.size:
        raise ValueError(
            f"overlay: image has shape {pixels.shape}, expected (height, width, channels)"
        )
    if heat.shape != pixels.shape[:2]:
        raise ValueError(
            f"overlay: values have shape {heat.shape}, expected the image's {pixels.shape[:2]}"
        )
    if not np.isfinite(heat).all():
        raise ValueError("overlay: values hold NaN or infinity, expected numbers")
    if pixels.dtype != np.uint8:
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError(
                f"overlay: image holds {shown(float(pixels.min()))} to "
                f"{shown(float(pixels.max()))}, expected uint8 pixels or floats from 0 to 1"
            )
        pixels = np.rint(pixels * 255).astype(np.uint8)
    ax = axes_of(ax, "overlay")
    ax.imshow(colours.overlay(pixels, heat), interpolation="nearest")
    return as_image(ax)


def _arranged(kernels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Kernels (height, width, inputs, outputs) as one image with white gaps."""
    height, width, inputs, outputs = kernels.shape
    largest = float(np.abs(kernels).max()) or 1.0
    if inputs == 3:
        scaled = np.rint(127.5 + kernels / largest * 127.5).astype(np.uint8)
        tiles = [scaled[..., k] for k in range(outputs)]
        columns = int(np.ceil(np.sqrt(outputs)))
    else:
        tinted = colours.tint(kernels / largest)
        tiles = [tinted[:, :, i, k] for i in range(inputs) for k in range(outputs)]
        columns = outputs if inputs > 1 else int(np.ceil(np.sqrt(outputs)))
    rows = -(-len(tiles) // columns)
    down, across = height + _GAP, width + _GAP
    image = np.full((rows * down - _GAP, columns * across - _GAP, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * down, place % columns * across
        image[top : top + height, left : left + width] = tile
    return image
