"""The doctor's examination of a model, by its outputs for a few images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import FloatArray, one_of, real_array
from cnnx.batch_arguments import any_float_range, class_labels, images
from cnnx.data.dataset import ImageLike
from cnnx.data.image_like import array_of
from cnnx.doctor.bfloat16_checks import check_bfloat16
from cnnx.doctor.finding import Finding, by_severity
from cnnx.doctor.input_checks import check_input
from cnnx.doctor.layer_statistics import LayerStatistics, layer_statistics
from cnnx.doctor.sample import spread
from cnnx.model.compute_dtype import COMPUTE_DTYPES
from cnnx.model.model import Model
from cnnx.model.model_argument import check_single_model
from cnnx.model.predictions import outputs_are_independent, outputs_are_values
from cnnx.spelling import checked_call
from cnnx.wording import counted

_IMAGES = 64
# Kinds whose outputs are exactly 0 over half of their inputs or more.
_RECTIFIERS = ("relu", "relu6")
# Of the channels of a layer. A unit has one value per image, and trained networks have many that
# stay at 0 for 64 images. A map has many values per image.
_DEAD_MAPS_AT_LEAST, _DEAD_UNITS_AT_LEAST = 0.5, 0.9
_EXPLODED, _VANISHED = 1e4, 1e-5  # standard deviation of the outputs of a layer
# Kinds that may make their outputs small on purpose: gates, and the scale of a residual branch.
_SMALL_BY_DESIGN = ("scale2d", "sigmoid", "hard_sigmoid", "softmax", "multiply")
_SATURATED = 50.0  # median difference of the two largest outputs; exp(-50) is no gradient
_CONSTANT = 1e-4  # deviation of an output over images, relative to the outputs


@checked_call
def check_model(
    model: Model,
    x: ImageLike,
    y: ArrayLike | None = None,
    *,
    compute_dtype: Literal["float32", "bfloat16"] | None = None,
) -> list[Finding]:
    """Examine a model by its outputs for some images, 64 at most.

    The checks look for parameters and outputs that are NaN or infinite, channels that are 0 for
    every image, layers whose outputs explode or vanish, predictions that do not depend on the
    image, a saturated softmax, and preprocessing that does not fit the images. In bfloat16 they
    also look for layers whose outputs need more than 8 bits, so that the model computes something
    else than in float32. The scale of layers is not checked in a new model with batch norms, which
    normalise nothing before training.

    Args:
        model: trained or untrained model. It is not changed.
        x: images, as for a call of the model; the more different, the better.
        y: labels of the images, with which a classifier that predicts one class for all is found;
            None leaves this check out.
        compute_dtype: what the model is to compute with, as `Model.compute_dtype`; None is the
            model's own.

    Returns:
        The findings, errors first.

    Raises:
        TypeError: if `model` is no model.
        ValueError: if `x` does not fit the model or holds no images, `y` does not fit `x`, or the
            model cannot compute in `compute_dtype`.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(64, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> cnnx.doctor.check_model(model, x)
        []
        >>> model.parameters["conv2d_2.bias"] = [-100.0] * 32
        >>> for finding in cnnx.doctor.check_model(model, x):
        ...     print(finding.severity, finding.check, finding.examples)
        error dead-channels ('relu_2', 'relu_3')
        error constant-outputs ()
    """
    check_single_model(model, "check_model")
    resize = model.preprocessing.resize
    array = real_array(array_of(x, model.input_shape, resize, "check_model"), "check_model", "x")
    pixels, integers, _ = images(array, model.input_shape, "check_model")
    if not len(pixels):
        raise ValueError("check_model: x holds no images, expected at least one")
    rows = spread(len(pixels), _IMAGES)
    chosen = pixels[rows].astype(np.float32)
    if integers:
        chosen /= 255
    labels = None
    if y is not None:
        labels = class_labels(y, len(pixels), model.classes or (), _classes(model), "check_model")
        labels = labels[rows]
    if compute_dtype is not None:
        model = model.clone()
        words = COMPUTE_DTYPES
        model._core.compute_dtype = one_of(compute_dtype, words, "check_model", "compute_dtype")
    return by_severity(_findings(model, chosen, labels))


def _classes(model: Model) -> int:
    return max(model.output_shape[-1], 2)


def _findings(
    model: Model, pixels: FloatArray, labels: NDArray[np.int64] | None
) -> Iterator[Finding]:
    yield from check_input(model, pixels)
    damaged = [*_damaged(model.parameters), *_damaged(model.buffers)]
    if damaged:
        yield Finding(
            "error",
            "non-finite-parameters",
            f"{counted(len(damaged), 'array')} of parameters hold NaN or infinity",
            len(damaged),
            tuple(damaged),
            "load an earlier checkpoint and train with a smaller learning rate",
        )
        return
    with any_float_range():
        statistics = layer_statistics(model, pixels)
        outputs = model(pixels)
    first = next((each for each in statistics if not each.is_finite), None)
    if first is not None:
        yield Finding(
            "error",
            "non-finite-outputs",
            "the first layer with outputs that are NaN or infinite",
            1,
            (first.name,),
            "look at the scale of its inputs and weights",
        )
        return
    yield from _dead_channels(statistics)
    if not _has_untrained_norms(model):
        yield from _scales(statistics)
    if (pixels != pixels[0]).any():
        yield from _constant_outputs(outputs)
    if model.compute_dtype == "bfloat16" and not _has_untrained_norms(model):
        yield from check_bfloat16(model, pixels, outputs)
    if not outputs_are_values(model._core) and outputs.ndim == 2:
        yield from _classifier(model, outputs, labels)


def _damaged(arrays: Mapping[str, FloatArray]) -> list[str]:
    return [name for name, values in arrays.items() if not np.isfinite(values).all()]


def _has_untrained_norms(model: Model) -> bool:
    """Whether batch norms have the running statistics of a new model, so that none normalises."""
    buffers = [values for name, values in model.buffers.items() if name.endswith("running_mean")]
    return bool(buffers) and not any(values.any() for values in buffers)


def _dead_channels(statistics: Sequence[LayerStatistics]) -> Iterator[Finding]:
    rectifiers = [each for each in statistics if each.kind in _RECTIFIERS]
    found = [each for each in rectifiers if each.dead_channels >= _tolerable(each) * each.channels]
    if found:
        is_severed = any(each.dead_channels == each.channels for each in found)
        yield Finding(
            "error" if is_severed else "warning",
            "dead-channels",
            f"most channels of {counted(len(found), 'layer')} are 0 for every image",
            sum(each.dead_channels for each in found),
            tuple(each.name for each in found),
            "train again with a smaller learning rate; a dead channel has no gradient",
            details=tuple(f"{each.dead_channels} of {each.channels}" for each in found),
        )


def _tolerable(layer: LayerStatistics) -> float:
    has_maps = math.prod(layer.shape[:-1]) > 1
    return _DEAD_MAPS_AT_LEAST if has_maps else _DEAD_UNITS_AT_LEAST


def _scales(statistics: Sequence[LayerStatistics]) -> Iterator[Finding]:
    exploded = [each for each in statistics if each.deviation > _EXPLODED]
    if exploded:
        yield Finding(
            "error",
            "exploding-outputs",
            f"outputs of {counted(len(exploded), 'layer')} have a standard deviation above "
            f"{_EXPLODED:g}",
            len(exploded),
            tuple(each.name for each in exploded),
            "add norms, or initialise the first of these layers with smaller weights",
            details=tuple(f"{each.deviation:.2g}" for each in exploded),
        )
    # Exactly 0 are dead channels, and branches that are 0 at first on purpose.
    vanished = [
        each
        for each in statistics
        if 0 < each.deviation < _VANISHED and each.kind not in _SMALL_BY_DESIGN
    ]
    if vanished:
        yield Finding(
            "error",
            "vanishing-outputs",
            f"outputs of {counted(len(vanished), 'layer')} have a standard deviation below "
            f"{_VANISHED:g}",
            len(vanished),
            tuple(each.name for each in vanished),
            "add norms, or initialise the first of these layers with larger weights",
            details=tuple(f"{each.deviation:.2g}" for each in vanished),
        )


def _constant_outputs(outputs: FloatArray) -> Iterator[Finding]:
    rows = outputs.reshape(len(outputs), -1)
    if rows.std(axis=0).max() <= _CONSTANT * np.abs(rows).max():
        yield Finding(
            "error",
            "constant-outputs",
            "different images have the same outputs",
            len(rows),
            advice="look for dead or vanishing layers, and at the preprocessing",
        )


def _classifier(
    model: Model, outputs: FloatArray, labels: NDArray[np.int64] | None
) -> Iterator[Finding]:
    is_binary = outputs.shape[1] == 1
    if outputs_are_independent(model._core) and not is_binary:
        return
    logits = np.concatenate([np.zeros_like(outputs), outputs], axis=1) if is_binary else outputs
    ordered = np.sort(logits, axis=1)
    margin = float(np.median(ordered[:, -1] - ordered[:, -2]))
    if margin > _SATURATED and not _has_untrained_norms(model):
        yield Finding(
            "warning",
            "saturated-softmax",
            f"the two largest outputs differ by {margin:.3g} in the middle, so probabilities are 0 "
            "and 1",
            len(outputs),
            advice="train with weight decay or label smoothing, or look at the scale of the layers",
        )
    predicted = logits.argmax(axis=1)
    if labels is not None and len(set(labels.tolist())) > 1 and len(set(predicted.tolist())) == 1:
        names = model.classes or ()
        name = names[predicted[0]] if predicted[0] < len(names) else str(predicted[0])
        yield Finding(
            "warning",
            "one-class",
            f"all of {len(labels)} images of {len(set(labels.tolist()))} classes are predicted as "
            "one class",
            len(labels),
            (name,),
            "train longer, or with class weights or another learning rate",
        )
