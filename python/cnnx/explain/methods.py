"""The methods of explanation by the names that the command line and the pages use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnx.arguments import FloatArray, shown
from cnnx.explain.activation_maps import grad_cam, hires_cam, map_layer, score_cam
from cnnx.explain.explained_class import ClassLike
from cnnx.explain.pixel_attributions import (
    integrated_gradients,
    occlusion,
    saliency,
    smooth_grad,
)
from cnnx.model.model import Model
from cnnx.spelling import nearest

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike


@dataclass(frozen=True)
class Method:
    """A way to explain a prediction by a map of the image.

    Attributes:
        title: its name in the field.
        sentence: what the map shows, for a reader who has never seen one.
        function: the function of `cnnx.explain`.
        reads_layer: whether it explains by the maps of a layer.
    """

    title: str
    sentence: str
    function: Callable[..., FloatArray]
    reads_layer: bool

    def __call__(
        self, model: Model, x: ImageLike, classes: ClassLike | None, layer: str | None
    ) -> FloatArray:
        """The maps of images for a class; `layer` is for methods that read one."""
        chosen = {"layer": layer} if self.reads_layer else {}
        return self.function(model, x, classes=classes, **chosen)


METHODS = {
    "grad-cam": Method(
        "Grad-CAM",
        "The maps of the last layer that has maps are added, each weighted by how much the score "
        "of the class grows with it. The bright regions speak for the class.",
        grad_cam,
        reads_layer=True,
    ),
    "hires-cam": Method(
        "HiResCAM",
        "Every cell of the last maps is multiplied by how much the score of the class grows with "
        "it, and the maps are added. The bright regions speak for the class.",
        hires_cam,
        reads_layer=True,
    ),
    "score-cam": Method(
        "Score-CAM",
        "The network sees the image again and again, each time only where one of the last maps is "
        "strong. The bright regions alone give the class a high score.",
        score_cam,
        reads_layer=True,
    ),
    "saliency": Method(
        "Saliency",
        "The brighter a pixel, the more the score of the class changes when the pixel changes a "
        "little.",
        saliency,
        reads_layer=False,
    ),
    "smooth-grad": Method(
        "SmoothGrad",
        "The brighter a pixel, the more the score of the class changes with it, averaged over "
        "copies of the image with a little noise.",
        smooth_grad,
        reads_layer=False,
    ),
    "integrated-gradients": Method(
        "Integrated gradients",
        "The score of the class is divided among the pixels, compared with an empty image. Orange "
        "pixels raise it, blue ones lower it.",
        integrated_gradients,
        reads_layer=False,
    ),
    "occlusion": Method(
        "Occlusion",
        "A patch covers one part of the image after the other. Where the score of the class falls, "
        "the part is orange. Where it grows, the part is blue.",
        occlusion,
        reads_layer=False,
    ),
}


def check_method(model: Model, name: object, layer: str | None, function: str) -> Method:
    """The method of a name, which must be one that can explain a layer if a layer is given.

    Raises:
        ValueError: if the name is unknown, the method does not read a layer, or the model has no
            such layer with maps.
    """
    if not isinstance(name, str) or name not in METHODS:
        near = nearest(name, METHODS) if isinstance(name, str) else []
        expected = near[0] if near else f"one of {', '.join(METHODS)}"
        raise ValueError(f"{function}: method is {shown(name)}, expected {expected}")
    method = METHODS[name]
    if method.reads_layer:
        map_layer(model, layer, function)
    elif layer is not None:
        of_layers = ", ".join(each for each, one in METHODS.items() if one.reads_layer)
        raise ValueError(
            f"{function}: layer is {shown(layer)}, but {name} explains no layer, expected a method "
            f"that does: {of_layers}"
        )
    return method
