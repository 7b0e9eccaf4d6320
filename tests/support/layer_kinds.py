"""Layers of every kind that the core describes, made from the description alone.

Not part of the package.
"""

from __future__ import annotations

import inspect
from typing import Any

import cnnx
from cnnx import _core
from cnnx.layers.base import Symbol

KINDS = {kind["name"]: kind for kind in _core.layer_kinds()}
BLOCKS = ("residual", "parallel")  # written out as the layers within them
CLASSES: dict[str, type[cnnx.Layer]] = {
    each.kind: each
    for each in (getattr(cnnx.layers, name) for name in cnnx.layers.__all__)
    if inspect.isclass(each) and issubclass(each, cnnx.Layer) and hasattr(each, "kind")
    if each is not cnnx.layers.Custom  # of no kind that the core describes
}
IMAGE = (12, 14, 4)
# Settings that must keep their default where another one does not.
ALTERNATIVES = {"upsample2d": "scale_factor"}
# Settings that depend on the image.
OF_THE_IMAGE: dict[str, dict[str, Any]] = {"reshape": {"size": (6, 7), "channels": 16}}
# Settings of layers that are not trained.
UNTRAINED = ("int8_weight",)


def another_value(setting: Any) -> Any:
    """A value that is allowed and not the default, as a constructor takes it."""
    if setting["form"] == "boolean":
        return not setting["default"]
    if setting["form"] == "integer":
        if setting["name"] == "size":
            return 3  # ONNX Runtime refuses windows of even size
        return int(setting["least"]) + 1
    if setting["form"] == "real":
        if setting["name"] == "maximum":
            return 0.75  # above the minimum
        return 0.25 if setting["default"] != 0.25 else 0.125
    if setting["form"] == "pair":
        return int(setting["least"]) + 1, int(setting["least"]) + 2
    if setting["form"] == "choice":
        return setting["choices"][-1]
    return (1, 0), (1, 2)


def arguments(kind: str, *, changed: bool = False, trained: bool = False) -> dict[str, Any]:
    """Of the constructor: those that are required, or with `changed` every one.

    Without those of layers that are not trained, if it is to be `trained`.
    """
    given = OF_THE_IMAGE.get(kind, {})
    return {
        setting["name"]: given.get(setting["name"]) or another_value(setting)
        for setting in KINDS[kind]["settings"]
        if (setting["required"] or (changed and ALTERNATIVES.get(kind) != setting["name"]))
        and not (trained and setting["name"] in UNTRAINED)
    }


def layer(kind: str, *, changed: bool = False, trained: bool = False) -> cnnx.Layer:
    """With its defaults, or with `changed` with other settings wherever there are any."""
    make: Any = CLASSES[kind]
    return make(  # type: ignore[no-any-return]
        **arguments(kind, changed=changed, trained=trained)
    )


def model(
    kind: str, *before: cnnx.Layer, changed: bool = False, trained: bool = False, seed: int = 4
) -> cnnx.Model:
    """The layer behind those `before` it, and behind a Flatten if it takes no images."""
    image = cnnx.Input(IMAGE)
    read: Symbol = image
    for each in before:
        read = each(read)
    made, count = layer(kind, changed=changed, trained=trained), KINDS[kind]["inputs"][0]
    try:
        return cnnx.Model.from_graph(image, made(*inputs_of(made, read, count)), seed=seed)
    except ValueError:
        return cnnx.Model.from_graph(image, made(cnnx.Flatten()(read)), seed=seed)


def inputs_of(made: cnnx.Layer, read: Symbol, count: int) -> list[Symbol]:
    """As many inputs of a layer, each the same except the second matrices of a product."""
    if made.kind == "matmul" and made.settings["transposed"] == "none":
        height, width, channels = IMAGE
        return [read, *[cnnx.Reshape((height, channels), width)(read)] * (count - 1)]
    return [read] * count
