"""Class activation maps: the maps of a layer, weighted by what they mean for a class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.explain.explained_class import BATCH, ClassLike, ExplainedClass
from cnnx.model.last_layer import output_layers
from cnnx.model.layer_names import layer_name
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.ops import softmax, upsample2d
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike


@checked_call
def grad_cam(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    layer: str | None = None,
) -> FloatArray:
    """Grad-CAM: the regions of images that speak for a class.

    ``relu(sum over k of w[k] * A[k])``, where A[k] is a map of the layer, and w[k] the mean of the
    gradient of the class's output over that map. The result is enlarged to the images' size.

    Of a model with a class for each position, the class's output is the mean over the positions
    that are predicted as the class, or over all positions if none is (Seg-Grad-CAM).

    Args:
        model: a classifier of images, or of their positions.
        x: images, as for a call of the model.
        classes: the class to explain, a name or an index, or a list with one per image. None is the
            predicted class of each image; of positions the class of most of them besides class 0,
            the background.
        layer: name of a layer with maps, as in `Model.layers`. None is the last one; of a model
            with a class for each position the last one of the smallest maps.

    Returns:
        (batch, height, width), at least 0; without the batch axis for a single image.

    Raises:
        TypeError: if `model` is no model.
        ValueError: if `x` does not fit the model, a class or the layer is unknown, or the layer has
            no maps.

    Reference:
        Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM, 2017. Vinogradova, Dibrov,
        Myers: Towards interpretable semantic segmentation via gradient-weighted class activation
        mapping, 2020.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.grad_cam(cnnx.models.lenet5(), x).shape
        (3, 28, 28)
    """
    explained = ExplainedClass(model, x, classes, "grad_cam")
    layer = map_layer(model, layer, "grad_cam")
    weights = explained.gradients(layer).mean(axis=(1, 2), keepdims=True)
    return _sum_of_maps(explained, explained.layer_output(layer) * weights)


@checked_call
def hires_cam(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    layer: str | None = None,
) -> FloatArray:
    """HiResCAM: Grad-CAM with the gradient of each pixel of a map instead of the mean.

    ``relu(sum over k of G[k] * A[k])``, where A[k] is a map of the layer and G[k] its gradient. The
    regions are those that the class's output was computed from, if only linear layers follow.

    Args:
        model: as in `grad_cam`.
        x: as in `grad_cam`.
        classes: as in `grad_cam`.
        layer: as in `grad_cam`.

    Returns:
        As `grad_cam`.

    Raises:
        TypeError: as `grad_cam`.
        ValueError: as `grad_cam`.

    Reference:
        Draelos, Carin: Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
        neural networks, 2020.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.hires_cam(cnnx.models.lenet5(), x).shape
        (3, 28, 28)
    """
    explained = ExplainedClass(model, x, classes, "hires_cam")
    layer = map_layer(model, layer, "hires_cam")
    return _sum_of_maps(explained, explained.layer_output(layer) * explained.gradients(layer))


@checked_call
def score_cam(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    layer: str | None = None,
) -> FloatArray:
    """Score-CAM: each map is weighted by the output of the image that it masks. No gradients.

    ``relu(sum over k of w[k] * A[k])``. A[k], scaled to 0 to 1 and enlarged, masks the image after
    the model's preprocessing; w is the softmax over k of the class's output for the masked images.
    A map costs a run of the network, so this takes much longer than `grad_cam`.

    Args:
        model: as in `grad_cam`.
        x: as in `grad_cam`.
        classes: as in `grad_cam`.
        layer: as in `grad_cam`.

    Returns:
        As `grad_cam`.

    Raises:
        TypeError: as `grad_cam`.
        ValueError: as `grad_cam`.

    Reference:
        Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu: Score-CAM, 2020.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(1, size=28, seed=1)
        >>> cnnx.explain.score_cam(cnnx.models.lenet5(), x[0]).shape
        (28, 28)
    """
    explained = ExplainedClass(model, x, classes, "score_cam")
    maps = explained.layer_output(map_layer(model, layer, "score_cam"))
    weights = np.empty((len(maps), maps.shape[-1]), np.float32)
    for image, own in enumerate(maps):
        masks = _enlarged(explained, _scaled(own)[np.newaxis])[0]
        difference = explained.pixels[image] - explained.neutral
        scores = [
            explained.scores(
                explained.neutral
                + np.moveaxis(masks[:, :, start : start + BATCH], 2, 0)[..., np.newaxis]
                * difference,
                image,
            )
            for start in range(0, masks.shape[-1], BATCH)
        ]
        weights[image] = softmax(np.concatenate(scores)[np.newaxis])[0]
    return _sum_of_maps(explained, maps * weights[:, np.newaxis, np.newaxis])


@checked_call
def feature_maps(model: Model, x: ImageLike, *, layer: str | None = None) -> FloatArray:
    """Arrange all maps of a layer in one image, row by row, each scaled to 0 to 1.

    Args:
        model: any model.
        x: images, as for a call of the model.
        layer: name of a layer with maps, as in `Model.layers`. None is the last one.

    Returns:
        (batch, rows, columns) with a pixel of 0 between maps; without the batch axis for a single
        image.

    Raises:
        TypeError: if `model` is no model.
        ValueError: if `x` does not fit the model or has no images, the layer is unknown or has no
            maps, or these are not finite.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.feature_maps(cnnx.models.lenet5(), x, layer="conv2d_2").shape
        (3, 43, 43)
    """
    check_model(model, "feature_maps")
    layer = map_layer(model, layer, "feature_maps")
    maps = model.layer_outputs(x, [layer])[layer]
    if len(maps) == 0:
        raise ValueError("feature_maps: x holds no images, expected at least one")
    if not np.isfinite(maps).all():
        raise ValueError(
            f"feature_maps: the output of {layer} holds NaN or infinity, expected finite images "
            "and weights"
        )
    single = maps.ndim == 3
    tiled = np.stack([_tiled(_scaled(own)) for own in (maps[np.newaxis] if single else maps)])
    return tiled[0] if single else tiled


def map_layer(model: Model, layer: str | None, function: str) -> str:
    """The name of a layer whose output has height and width, by default the last one.

    Of a model with a class for each position it is by default the last one of the smallest maps:
    the maps behind it are near the outputs, whose classes are known.
    """
    shapes = {each.name: each.output_shape for each in model.layers}
    with_maps = [name for name, shape in shapes.items() if len(shape) == 3]
    if layer is None:
        if not with_maps:
            raise ValueError(
                f"{function}: the model has no layer with maps, expected convolutions; saliency "
                "and occlusion explain any model"
            )
        # A map of one cell says nothing about places.
        larger = [name for name in with_maps if max(shapes[name][:2]) > 1] or with_maps
        if model.task != "segmentation":
            return larger[-1]
        scores = set(output_layers(model._core))
        for _, _, name, inputs, _ in model._core.layers:
            if scores.intersection(inputs):
                scores.add(name)
        inner = [name for name in larger if name not in scores] or larger
        return min(reversed(inner), key=lambda name: math.prod(shapes[name][:2]))
    layer_name(layer, list(shapes), function)
    if layer not in with_maps:
        raise ValueError(
            f"{function}: layer {layer} has outputs of shape {shapes[layer]}, expected maps "
            "(height, width, channels)"
        )
    return layer


def _sum_of_maps(explained: ExplainedClass, weighted: FloatArray) -> FloatArray:
    """The positive part of the sum over channels, at the images' size."""
    maps = np.maximum(weighted.sum(axis=-1, keepdims=True), 0)
    return explained.result(_enlarged(explained, maps)[..., 0])


def _enlarged(explained: ExplainedClass, maps: FloatArray) -> FloatArray:
    return upsample2d(maps, size=explained.pixels.shape[1:3], mode="bilinear")


def _scaled(maps: FloatArray) -> FloatArray:
    """Each map of an image, (height, width, channels), from 0 to 1. A constant map is 0."""
    least, most = maps.min(axis=(0, 1)), maps.max(axis=(0, 1))
    scaled: FloatArray = (maps - least) / np.where(most > least, most - least, np.float32(1))
    return scaled


def _tiled(maps: FloatArray) -> FloatArray:
    height, width, count = maps.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.zeros((rows * columns, height + 1, width + 1), np.float32)
    grid[:count, :height, :width] = np.moveaxis(maps, 2, 0)
    image = grid.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return image.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]
