"""A page that walks one image through every stage of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnx.arguments import FloatArray, text
from cnnx.drawing.colours import RgbPixels, as_rgb, overlay
from cnnx.drawing.maps import tinted
from cnnx.drawing.markup import Child, Markup, element, joined, table
from cnnx.drawing.page import Section, figure, page
from cnnx.drawing.png import image
from cnnx.explain.by_hand import bar, significant
from cnnx.explain.explained_class import ClassLike, ExplainedClass
from cnnx.explain.methods import Method, method_of
from cnnx.explain.stage_sections import StageSections
from cnnx.explain.trace import INPUT, Trace
from cnnx.model.model import Model
from cnnx.model.predictions import outputs_are_independent, outputs_are_values
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

_SIDE = 280  # longer side of the image in CSS pixels
_CHANNEL = 140
_MOST_CLASSES = 5


@checked_call
def walkthrough(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
    name: str = "the image",
) -> str:
    """A self-contained HTML page that walks one image through every stage of the network.

    It shows the image, the maps of every layer, the list, the vote and the probabilities, and
    spells out the arithmetic of the strongest number of each stage. The last section shows which
    pixels decide. The page needs no network and no scripts.

    Args:
        model: a model with one output per class, or values.
        x: one image, as for a call of the model.
        classes: the class to explain, a name or an index. None is the predicted class.
        method: "grad-cam", "hires-cam", "score-cam", "saliency", "smooth-grad",
            "integrated-gradients" or "occlusion", for the last section.
        layer: name of the layer whose maps a method ending in "cam" explains. None is the last one.
        name: what the page calls the image.

    Returns:
        The HTML document.

    Raises:
        TypeError: if `model` is no model.
        ValueError: if `x` does not fit the model or is several images, or a class, the method or
            the layer is unknown.
        FloatingPointError: if the outputs are not finite.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(1, size=28, seed=1)
        >>> page = cnnx.explain.walkthrough(cnnx.models.lenet5(), x[0])
        >>> page[:15]
        '<!DOCTYPE html>'
    """
    chosen = method_of(method, layer, "walkthrough")
    name = text(name, "walkthrough", "name")
    explained = ExplainedClass(model, x, classes, "walkthrough")
    if len(explained.pixels) != 1:
        raise ValueError(f"walkthrough: x has {len(explained.pixels)} images, expected one")
    trace = Trace(model, explained.pixels[0], int(explained.indices[0]))
    if not np.isfinite(trace.scores.output).all():
        raise FloatingPointError("walkthrough: the model's outputs are not finite")
    probabilities = _probabilities(model, trace)
    stages = trace.stages()
    sections = StageSections(trace, stages)
    map_of_method = chosen(model, explained.pixels[0], trace.explained, layer)
    parts = [
        _image_section(model, trace, name),
        *(sections.section(stage) for stage in stages),
        _result_section(model, trace, probabilities),
        _decisive_section(trace, chosen, map_of_method),
    ]
    introduction = _introduction(trace, probabilities, len(stages))
    return page(f"How the network sees {name}", introduction, parts)


def _probabilities(model: Model, trace: Trace) -> FloatArray | None:
    """One number per label, or None for a model of values."""
    if outputs_are_values(model._core):
        return None
    found = model._core.probabilities(trace.image[np.newaxis], False)[0]
    return np.array([1 - found[0], found[0]], np.float32) if found.size == 1 else found


def _introduction(trace: Trace, probabilities: FloatArray | None, stages: int) -> Markup:
    label = trace.labels[trace.explained]
    if probabilities is None:
        said = f"The network computes {significant(trace.scores.output[trace.explained])}"
        said += f" for output {label}. "
    else:
        best = int(probabilities.argmax())
        said = f"The network says {trace.labels[best]}, with a probability of "
        said += f"{probabilities[best]:.1%}. "
        if trace.explained != best:
            said += f"This page explains {label}, which gets {probabilities[trace.explained]:.1%}. "
    return joined(
        [
            element("b", said),
            f"Follow the image through {stages} stages to that result. Orange is above zero, blue "
            "is below, and white is zero. Numbers are rounded; the network computes with all "
            "digits. Maps, rows and columns are counted from 0.",
        ]
    )


def _image_section(model: Model, trace: Trace, name: str) -> Section:
    height, width, channels = trace.image.shape
    colours = "three numbers per pixel, for red, green and blue" if channels == 3 else "one number"
    if channels != 3:
        colours = "one number per pixel" if channels == 1 else f"{channels} numbers per pixel"
    sentence = (
        f"The network reads {height} \N{MULTIPLICATION SIGN} {width} pixels: {colours}, from 0 for "
        "dark to 1 for bright."
    )
    _, *both = model._core.preprocessing
    mean, std = (", ".join(f"{each:.3g}" for each in values) for values in both)
    if any(both[0]) or set(both[1]) != {1.0}:
        sentence += (
            f" From each the mean ({mean}) is subtracted, and the difference is divided by the "
            f"standard deviation ({std}), so that dark is below zero and bright above."
        )
    read = trace.values[INPUT]
    names = ("red", "green", "blue") if channels == 3 else tuple(map(str, range(channels)))
    layers = [
        _figure(
            tinted(read[..., k]),
            f"as numbers: {names[k]}" if channels > 1 else "as numbers",
            _CHANNEL,
        )
        for k in range(min(channels, 4))
    ]
    figures = [_figure(_pixels(trace), name, _SIDE), *layers]
    body = joined([element("p", sentence), element("div", *figures, class_="row")])
    return Section("image", "The image", body)


def _result_section(model: Model, trace: Trace, probabilities: FloatArray | None) -> Section:
    scores = trace.scores.output.astype(np.float64)
    if probabilities is None:
        values = [(trace.labels[k], significant(score)) for k, score in enumerate(scores)]
        return Section("result", "The result", table(["output", "value"], values))
    temperature = model.temperature
    scores /= temperature
    divided = (
        ""
        if temperature == 1
        else f"The scores are divided by the model's temperature, {temperature:.4g}, which fits "
        "probabilities to accuracies. "
    )
    order = np.argsort(-probabilities, kind="stable")[:_MOST_CLASSES]
    if outputs_are_independent(model._core) or scores.size == 1:
        sentence = (
            "Each score becomes a probability: 1 / (1 + e to the power of minus the score), which "
            "is near 0 for very negative scores and near 1 for large ones."
        )
        pair = scores.size == 1
        of_label = np.array([-scores[0], scores[0]]) if pair else scores
        header = ["class", "score", "probability", ""]
        steps = [[significant(of_label[k])] for k in order]
    else:
        sentence = (
            "Softmax makes probabilities of the scores: e to the power of each score, divided by "
            "the sum of all these powers. They are positive and add up to 1. The table subtracts "
            "the largest score first, which changes no probability."
        )
        powers = np.exp(scores - scores.max())
        header = ["class", "score", "e^(score - largest)", f"/ {powers.sum():.4f}", ""]
        steps = [[significant(scores[k]), f"{powers[k]:.4f}"] for k in order]
    rows: list[list[Child]] = [
        [trace.labels[k], *step, f"{probabilities[k]:.2%}", bar(float(probabilities[k]))]
        for k, step in zip(order, steps, strict=True)
    ]
    others = len(probabilities) - len(order)
    if others and not outputs_are_independent(model._core):
        rest = 1 - float(probabilities[order].sum())
        blank: list[Child] = [None] * (len(header) - 3)
        rows.append([f"the other {others}", *blank, f"{rest:.2%}", bar(rest)])
    body = joined([element("p", divided + sentence), table(header, rows)])
    return Section("result", "The result", body)


def _decisive_section(trace: Trace, method: Method, values: FloatArray) -> Section:
    label = trace.labels[trace.explained]
    pixels = _pixels(trace)
    figures = [
        _figure(pixels, "the image", _SIDE),
        _figure(overlay(pixels, values), f"{method.title} for {label}", _SIDE),
    ]
    body = [element("p", method.sentence), element("div", *figures, class_="row")]
    return Section("decisive", "Where the network looked", joined(body))


def _pixels(trace: Trace) -> RgbPixels:
    return as_rgb(np.asarray(np.rint(np.clip(trace.image, 0, 1) * 255), dtype=np.uint8))


def _figure(pixels: RgbPixels, caption: str, side: int) -> Markup:
    """An enlarged image with a caption."""
    width = round(side * pixels.shape[1] / max(pixels.shape[:2]))
    return figure(image(pixels, caption, width=width), caption)
