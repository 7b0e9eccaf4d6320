"""A page that walks one image through every stage of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnx.arguments import FloatArray, text
from cnnx.drawing.colours import RgbPixels, as_rgb
from cnnx.drawing.maps import largest, map_image
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.page import Section, figure, page
from cnnx.drawing.png import image
from cnnx.explain.by_hand import significant
from cnnx.explain.explained_class import ClassLike, ExplainedClass
from cnnx.explain.layer_texts import by
from cnnx.explain.methods import Method, check_method
from cnnx.explain.overlays import under_map
from cnnx.explain.result_section import result_section
from cnnx.explain.stage_sections import StageSections
from cnnx.explain.trace import INPUT, Trace
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.model.model_figure import model_graph
from cnnx.model.predictions import outputs_are_values
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

_SIDE = 280  # longer side of the image in CSS pixels
_CHANNEL, _MOST_CHANNELS = 140, 4


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
    name = text(name, "walkthrough", "name")
    return explained_image(model, x, classes=classes, method=method, layer=layer, name=name).page


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """The page of `walkthrough`, and the image of its last section.

    Attributes:
        page: HTML document.
        overlay: the image under the map of the method, RGB, enlarged if it is small.
    """

    page: str
    overlay: RgbPixels


def explained_image(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None,
    method: str,
    layer: str | None,
    name: str,
) -> ExplainedImage:
    """The page and the overlay of an image; arguments and errors are those of `walkthrough`."""
    check_model(model, "walkthrough")
    if model.task == "segmentation":
        raise ValueError(
            "walkthrough: the model predicts a class for each position, expected one for each "
            "image; grad_cam and other functions of cnnx.explain explain its classes"
        )
    explained = ExplainedClass(model, x, classes, "walkthrough")
    chosen = check_method(model, method, layer, "walkthrough")
    if len(explained.pixels) != 1:
        raise ValueError(f"walkthrough: x has {len(explained.pixels)} images, expected one")
    trace = Trace(model, explained.pixels[0], int(explained.indices[0]))
    if not np.isfinite(trace.scores.output).all():
        raise FloatingPointError("walkthrough: the model's outputs are not finite")
    probabilities = _probabilities(model, trace)
    stages = trace.stages()
    sections = StageSections(trace, stages)
    decisive = chosen(model, explained.pixels[0], trace.explained, layer)
    overlaid = under_map(_pixels(trace), decisive, smooth=chosen.reads_layer)
    parts = [
        _image_section(model, trace, name),
        Section("network", "The network", model_graph(model._core)),
        *(sections.section(stage) for stage in stages),
        result_section(model, trace, probabilities),
        _decisive_section(trace, chosen, overlaid),
    ]
    introduction = _introduction(trace, probabilities, len(stages))
    document = page(f"How the network sees {name}", introduction, parts)
    return ExplainedImage(document, overlaid)


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
    numbers = {1: "one number per pixel", 3: "three numbers per pixel, for red, green and blue"}
    counted = numbers.get(channels, f"{channels} numbers per pixel")
    sentence = (
        f"The network reads {by(height, width)} pixels: {counted}, from 0 for dark to 1 for bright."
    )
    _, *both = model._core.preprocessing
    mean, std = (", ".join(f"{each:.3g}" for each in values) for values in both)
    if any(both[0]) or set(both[1]) != {1.0}:
        sentence += (
            f" From each the mean ({mean}) is subtracted, and the difference is divided by the "
            f"standard deviation ({std}), so that dark is below zero and bright above."
        )
    read = trace.values[INPUT]
    figures = [_figure(_pixels(trace), name, _SIDE)]
    for k, channel in enumerate(trace.channels[:_MOST_CHANNELS]):
        caption = "as numbers" if channels == 1 else f"as numbers: {channel}"
        drawn = map_image(read[..., k], caption, strongest=largest(read[..., k]), width=_CHANNEL)
        figures.append(figure(drawn, caption))
    body = joined([element("p", sentence), element("div", *figures, class_="row")])
    return Section("image", "The image", body)


def _decisive_section(trace: Trace, method: Method, overlaid: RgbPixels) -> Section:
    label = trace.labels[trace.explained]
    figures = [
        _figure(_pixels(trace), "the image", _SIDE),
        _figure(overlaid, f"{method.title} for {label}", _SIDE),
    ]
    body = [element("p", method.sentence), element("div", *figures, class_="row")]
    return Section("decisive", "Where the network looked", joined(body))


def _pixels(trace: Trace) -> RgbPixels:
    return as_rgb(np.asarray(np.rint(np.clip(trace.image, 0, 1) * 255), dtype=np.uint8))


def _figure(pixels: RgbPixels, caption: str, side: int) -> Markup:
    """An enlarged image with a caption."""
    width = round(side * pixels.shape[1] / max(pixels.shape[:2]))
    return figure(image(pixels, caption, width=width), caption)
