"""Several inputs of a model: ranges of one flat input, which holds them side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, shown
from cnnx.batch_arguments import (
    are_black,
    check_float_range,
    exceeds_two,
    images,
    warn_of_black_images,
)
from cnnx.layers.graph import Input, LayerTuple, Shape, is_layer_name
from cnnx.model.file_form import is_imported

# Layers that rescale floats of any range.
NORMS = ("batch_norm2d", "layer_norm")


class CoreInput(NamedTuple):
    """An input as the compiled core describes it.

    Attributes:
        name: its name, that of the layer that reads it.
        shape: (height, width, channels).
        offset: of its first number in the flat input.
        takes_any_floats: whether floats far from 0 to 1 are no mistake: numbers that are no image,
            an image that a norm reads, or one of an imported model.
    """

    name: str
    shape: Shape
    offset: int
    takes_any_floats: bool

    @property
    def size(self) -> int:
        """Number of its values for one image."""
        return math.prod(self.shape)

    def of(self, flat: NDArray[Any]) -> NDArray[Any]:
        """Its range of a batch of flat inputs, (batch, size)."""
        return flat[:, 0, 0, self.offset : self.offset + self.size]


class _Part(NamedTuple):
    """Checked array of one input.

    Attributes:
        pixels: images as `cnnx.batch_arguments.images` returns them.
        integers: whether they are to be divided by 255.
        single: whether they had no batch axis.
    """

    pixels: NDArray[np.uint8] | FloatArray
    integers: bool
    single: bool


def core_inputs(core: _core.Model) -> tuple[CoreInput, ...]:
    """The inputs of a model in the order of its flat input; none if it has one."""
    found = []
    for name, (height, width, channels), offset in core.inputs:
        readers = [kind for kind, _, _, inputs, _ in core.layers if name in inputs]
        is_any = height * width == 1 or all(kind in NORMS for kind in readers) or is_imported(core)
        found.append(CoreInput(name, (height, width, channels), offset, is_any))
    return tuple(found)


def refuse_inputs(core: _core.Model, function: str) -> None:
    """Refuse a model with several inputs.

    Raises:
        ValueError: if it has them.
    """
    if core.inputs:
        raise ValueError(
            f"{function}: the model has several inputs ({_names(core_inputs(core))}), expected one "
            "with a single input"
        )


def named_inputs(inputs: Mapping[Any, Any]) -> dict[str, Input]:
    """Inputs by name as `Model.from_graph` takes them.

    Raises:
        TypeError: if a name is no text, or an input no `Input`.
        ValueError: if a name cannot be that of a layer, there are fewer than two inputs, or one
            has two names.
    """
    names: dict[int, str] = {}
    for name, each in inputs.items():
        if not isinstance(name, str):
            raise TypeError(f"Model.from_graph: inputs has the name {shown(name)}, expected text")
        if not is_layer_name(name):
            raise ValueError(
                f"Model.from_graph: inputs has the name {name!r}, expected 1 to 100 letters, "
                "digits, underscores, hyphens or dots, neither 'input' nor beginning with 'cnnx.'"
            )
        if not isinstance(each, Input):
            raise TypeError(
                f"Model.from_graph: input {name!r} is {shown(each)}, expected a cnnx.Input"
            )
        if id(each) in names:
            raise ValueError(
                f"Model.from_graph: inputs has one Input under the names {names[id(each)]!r} and "
                f"{name!r}, expected a cnnx.Input for each"
            )
        names[id(each)] = name
    if len(names) < 2:
        raise ValueError(
            f"Model.from_graph: inputs has the names {', '.join(names.values()) or 'of none'}, "
            "expected at least two; a single input goes without a name"
        )
    return dict(inputs)


def flat_inputs(shapes: Mapping[str, Shape]) -> tuple[list[LayerTuple], Shape]:
    """The layers that read each of several inputs from the flat one, and its shape.

    A single input, named "input", is read without a layer.
    """
    if "input" in shapes:
        return [], shapes["input"]
    layers: list[LayerTuple] = []
    offset = 0
    for name, shape in shapes.items():
        height, width, channels = shape
        settings = {"offset": offset, "size": [height, width], "channels": channels}
        layers.append(("input_part", settings, name, ["input"], True, []))
        offset += math.prod(shape)
    return layers, (1, 1, offset)


def with_remaining_inputs(
    core: _core.Model, layers: Sequence[LayerTuple]
) -> tuple[list[LayerTuple], Shape]:
    """Some layers of a model as those of another one, and the shape of its input.

    Of several inputs only those remain that the layers have; a single one becomes the input itself.
    """
    height, width, channels = core.input_shape
    names = {layer[2] for layer in layers}
    inputs = core_inputs(core)
    left = {each.name: each.shape for each in inputs if each.name in names}
    if len(left) == len(inputs):
        return list(layers), (height, width, channels)
    others = [layer for layer in layers if layer[2] not in left]
    if len(left) > 1:
        parts, shape = flat_inputs(left)
        return [*parts, *others], shape
    ((only, shape),) = left.items()
    renamed: list[LayerTuple] = []
    for kind, settings, name, read, trainable, branches in others:
        sources = ["input" if each == only else each for each in read]
        renamed.append((kind, settings, name, sources, trainable, branches))
    return renamed, shape


def packed(
    inputs: Sequence[CoreInput], x: object, function: str, most_bytes: int | None = None
) -> Iterator[tuple[NDArray[np.uint8] | FloatArray, bool, bool]]:
    """Arrays by the names of the inputs as batches of flat inputs.

    Args:
        inputs: the inputs of the model.
        x: a dict of arrays, each as a model with this input alone takes it.
        function: named in errors.
        most_bytes: memory of a batch, unless one image takes more; None for a single batch.

    Yields:
        A batch, (batch, 1, 1, numbers): uint8 if all arrays are; whether its values are integers to
        be divided by 255; whether the arrays had no batch axis.

    Raises:
        TypeError: if x is no dict, or an array is an image file or not real.
        ValueError: if names, shapes or numbers of images do not fit.
    """
    if not isinstance(x, Mapping):
        example = ", ".join(f'"{each.name}": ...' for each in inputs)
        raise TypeError(
            f"{function}: x is {shown(x)}, expected a dict of the arrays of {_names(inputs)}: "
            f"{{{example}}}"
        )
    if set(x) != {each.name for each in inputs}:
        raise ValueError(
            f"{function}: x has the names {', '.join(map(str, x)) or 'of none'}, expected a dict "
            f"of the arrays of {_names(inputs)}"
        )
    parts = [_part(each, x[each.name], f"{function}: input {each.name!r}") for each in inputs]
    _check_counts(inputs, parts, function)
    integers = all(part.integers for part in parts)
    are_bytes = all(part.pixels.dtype == np.uint8 for part in parts)
    dtype = np.dtype(np.uint8 if are_bytes else np.float32)
    count, numbers = len(parts[0].pixels), sum(each.size for each in inputs)
    images = count if most_bytes is None else most_bytes // (numbers * dtype.itemsize)
    images = max(1, min(images, count))
    for first in range(0, max(1, count), images):
        flat = np.empty((min(images, count - first), 1, 1, numbers), dtype)
        for each, part in zip(inputs, parts, strict=True):
            pixels = part.pixels[first : first + images].reshape(len(flat), each.size)
            if part.integers and not integers:  # as the core divides them, to the bit
                np.divide(pixels, np.float32(255), out=each.of(flat), dtype=np.float32)
            else:
                each.of(flat)[...] = pixels
        yield flat, integers, parts[0].single


def holds_integers(value: object) -> bool:
    """Whether an array of an input has pixels that are divided by 255."""
    return np.asarray(value).dtype.kind in "iu"


def _part(each: CoreInput, value: Any, function: str) -> _Part:
    from cnnx.data.image_like import (  # on first use: predictions start fast
        array_of,
        holds_images,
        reordering,
    )

    if holds_images(value if isinstance(value, (list, tuple)) else [value]):
        raise TypeError(
            f"{function}: x is {shown(value)}, expected an array, because a model with several "
            "inputs reads no image files"
        )
    array = array_of(value, each.shape, "stretch", function)
    pixels, integers, single = images(array, each.shape, function, reordering(value))
    if integers:
        if are_black(pixels):
            warn_of_black_images(pixels, function)
    elif not each.takes_any_floats and exceeds_two(pixels):
        check_float_range(pixels, function)
    return _Part(pixels, integers, single)


def _check_counts(inputs: Sequence[CoreInput], parts: Sequence[_Part], function: str) -> None:
    """Refuse arrays of different numbers of images.

    Raises:
        ValueError: if they differ.
    """
    first, own = inputs[0], parts[0]
    for each, part in zip(inputs[1:], parts[1:], strict=True):
        if part.single != own.single:
            alone, batch = (each, first) if part.single else (first, each)
            raise ValueError(
                f"{function}: x has one image of {alone.name!r} and a batch of {batch.name!r}, "
                "expected batches of both"
            )
        if len(part.pixels) != len(own.pixels):
            raise ValueError(
                f"{function}: x has {len(own.pixels)} images of {first.name!r} and "
                f"{len(part.pixels)} of {each.name!r}, expected as many of each"
            )


def _names(inputs: Sequence[CoreInput]) -> str:
    return ", ".join(each.name for each in inputs)
