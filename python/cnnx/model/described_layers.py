"""Layers of a model in the words that its graph, tables and graph texts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cnnx import _core, layers
from cnnx.layers.base import Layer

TIMES = "\N{MULTIPLICATION SIGN}"

# Settings that are shown by their value alone, in this order, and those that are shown by name
# unless they have the value that is usual.
_VALUES = (
    *("functions", "kernel_size", "output_size", "block_size", "out_channels", "out_features"),
    "rate",
)
_USUAL: dict[str, object] = {
    "stride": [1, 1],
    "dilation": [1, 1],
    "groups": 1,
    "scale_factor": [1, 1],
    "size": [0, 0],
    "mode": None,
    "start": None,
    "stop": None,
    "ceil_mode": False,
    "negative_slope": None,
    "alpha": None,
    "minimum": None,
    "maximum": None,
    "scale": None,
    "zero_point": 0,
}
_POOLS = ("max_pool2d", "avg_pool2d")  # usually step by their whole window


@dataclass(frozen=True)
class DescribedLayer:
    """A layer of a model as text.

    Attributes:
        name: name in files.
        kind: kind, such as "conv2d".
        label: class and the settings that matter, such as "Conv2d 3x3, 64".
        inputs: names of the layers that it reads, or "input".
        shape: output for one image, such as (28, 28, 64).
        parameters: number of its parameters.
        is_frozen: whether it has parameters that training does not update.
    """

    name: str
    kind: str
    label: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int
    is_frozen: bool

    @property
    def family(self) -> str:
        """The module of its class, such as "pooling"; "" for the input or a registered kind."""
        known = _classes().get(self.kind)
        return known.__module__.rpartition(".")[2] if known else ""

    @property
    def amount(self) -> str:
        """The number of parameters in words; "" without parameters."""
        return parameter_count(self.parameters, is_frozen=self.is_frozen)


def described_layers(core: _core.Model) -> list[DescribedLayer]:
    """The input image and the layers of a model, in order; of several inputs each is one."""
    image = tuple(core.input_shape)
    several = {name for name, _, _ in core.inputs}
    described = [] if several else [DescribedLayer("input", "", "Input", (), image, 0, False)]
    shapes: dict[str, Sequence[int]] = {"input": image}
    for (kind, settings, name, inputs, trainable), (_, _, shape, count) in zip(
        core.layers, core.layer_infos, strict=True
    ):
        shapes[name] = shape
        if name in several:
            described.append(DescribedLayer(name, "", "Input", (), tuple(shape), 0, False))
            continue
        label = _label(kind, settings, shapes[inputs[0]])
        frozen = count > 0 and not trainable
        described.append(
            DescribedLayer(name, kind, label, tuple(inputs), tuple(shape), count, frozen)
        )
    return described


def size_text(shape: Sequence[int]) -> str:
    """Sizes with a multiplication sign between them."""
    return TIMES.join(map(str, shape))


def parameter_count(count: int, *, is_frozen: bool) -> str:
    """A number of parameters in words; "" for none."""
    if not count:
        return ""
    return f"{count:,} parameter{'' if count == 1 else 's'}{', frozen' if is_frozen else ''}"


@cache
def _classes() -> dict[str, type[Layer]]:
    """Class of each kind of layer."""
    members = (getattr(layers, name) for name in layers.__all__)
    return {each.kind: each for each in members if hasattr(each, "kind")}


def _label(kind: str, settings: dict[str, Any], input_shape: Sequence[int]) -> str:
    parts = [_value(settings[name]) for name in _VALUES if name in settings]
    is_depthwise = "out_channels" in settings and settings.get("groups") == input_shape[-1] > 1
    usual_of = {**_USUAL, "stride": settings["kernel_size"]} if kind in _POOLS else _USUAL
    for name, usual in usual_of.items():
        value = settings.get(name, usual)
        if name == "groups" and is_depthwise:
            parts.append("depthwise")
        elif value != usual:
            one = isinstance(value, list) and len(set(value)) == 1
            parts.append(f"{name.replace('_', ' ')} {_value(value[0] if one else value)}")
    if settings.get("int8_weight", False):
        parts.append("int8")
    known = _classes().get(kind)
    return " ".join([known.__name__ if known else kind, ", ".join(parts)]).rstrip()


def _value(value: object) -> str:
    """A setting as text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return size_text(value) if isinstance(value, list) else str(value)
