"""Order of an array's axes in the ONNX graph, against that of the layer that computes it in cnnx.

ONNX keeps images as (batch, channels, height, width), and its graphs transpose, reshape and flatten
them. cnnx has one order, (batch, height, width, channels). An `Activation` therefore carries a
note: which axis, or part of an axis, of the layer's output each axis of the ONNX array is.
Transpose and Reshape change the note and add no layer. An operator that needs an axis in its place
finds it there or has layers move it (`layout.py`, `arrangement.py`).

Axes of size 1 are not noted, except the batch, because they may be dropped and added freely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.layers.base import Symbol
from cnnx.onnx.graph import Array
from cnnx.onnx.refusal import RefusedError


class Atom(NamedTuple):
    """Axis of a layer's output, or the part of it that one factor of its size counts.

    Attributes:
        label: "N", "H", "W" or "C"; the features of a flat output are "C".
        stride: step along the axis of the output per step of the atom.
        size: number of steps.
    """

    label: str
    stride: int
    size: int


Axis: TypeAlias = "tuple[Atom, ...]"


class ByteScale(NamedTuple):
    """Numbers that the bytes of a QuantizeLinear stand for: `scale * (byte - zero_point)`.

    Attributes:
        scale: difference of two successive ones.
        zero_point: byte of the number 0, as uint8.
    """

    scale: float
    zero_point: int

    def real(self, byte: Array) -> float:
        """The number that a constant of one byte stands for."""
        shift = 128 if byte.dtype == np.int8 else 0
        return self.scale * (int(byte.reshape(-1)[0]) + shift - self.zero_point)


@dataclass(frozen=True)
class Activation:
    """Array that the network computes from its input.

    Attributes:
        symbol: output of the layer.
        shape: (height, width, channels) of it, or (features,).
        axes: for each axis of the ONNX array the atoms that it counts, the slowest first.
        shared: whether several nodes read the array.
        byte_scale: of an array of bytes in the graph, which the layer computes as real numbers,
            their scale and zero point.
        repeated_to: shape to which an Expand repeats the array for products alone, which repeat
            factors by themselves; None for any other array.
    """

    symbol: Symbol
    shape: tuple[int, ...]
    axes: tuple[Axis, ...]
    shared: bool = False
    byte_scale: ByteScale | None = None
    repeated_to: tuple[int, ...] | None = None

    @property
    def onnx_shape(self) -> tuple[int, ...]:
        """Shape of the ONNX array."""
        return tuple(math.prod(atom.size for atom in axis) for axis in self.axes)

    @property
    def channels(self) -> int:
        """Size of the last axis of the layer's output."""
        return self.shape[-1]

    def size(self, label: str) -> int:
        """Size of an axis of the layer's output."""
        if label == "C":
            return self.shape[-1]
        return self.shape["HW".index(label)] if len(self.shape) == 3 else 1

    def whole(self, label: str) -> Axis:
        """An axis of the layer's output, undivided."""
        return whole(label, self.size(label))

    def computed(
        self,
        symbol: Symbol,
        shape: tuple[int, ...] | None = None,
        axes: Iterable[Axis] | None = None,
    ) -> Activation:
        """Result of a layer that reads this activation; shape and axes stay unless given."""
        return Activation(
            symbol,
            self.shape if shape is None else shape,
            self.axes if axes is None else tuple(axes),
        )


_ONE_IMAGE = Atom("N", 1, 1)


def whole(label: str, size: int) -> Axis:
    """An undivided axis."""
    return () if size == 1 else (Atom(label, 1, size),)


def batch_axis(size: int) -> Axis:
    """The axis of the batch, noted even if its size is 1."""
    return (Atom("N", 1, size),)


def is_batch(axis: Axis) -> bool:
    """Whether the axis is the batch."""
    return len(axis) == 1 and axis[0].label == "N"


def merged(atoms: Iterable[Atom]) -> Axis:
    """Atoms with neighbours joined that count one axis together."""
    done: list[Atom] = []
    for atom in atoms:
        before = done[-1] if done else None
        if before and before.label == atom.label and before.stride == atom.stride * atom.size:
            done[-1] = Atom(atom.label, atom.stride, before.size * atom.size)
        else:
            done.append(atom)
    return tuple(done)


def transposed(value: Activation, order: Sequence[int]) -> Activation:
    """The array with its axes in another order."""
    rank = len(value.axes)
    if sorted(each % rank if -rank <= each < rank else -1 for each in order) != list(range(rank)):
        raise RefusedError(f"perm is {list(order)}, expected an order of {rank} axes")
    return replace(value, axes=tuple(value.axes[each] for each in order))


def reshaped(value: Activation, shape: Sequence[int]) -> Activation:
    """The array with another shape of as many elements.

    The batch may be joined with other axes, which few operators read.

    Raises:
        RefusedError: if the batch is divided, or a size is no product of factors.
    """
    if math.prod(shape) != math.prod(value.onnx_shape):
        raise RefusedError(f"reshapes {value.onnx_shape} to {tuple(shape)}, of another size")
    left = [atom for axis in reversed(value.axes) for atom in reversed(axis)]
    axes: list[Axis] = []
    for k, size in enumerate(shape):
        taken: list[Atom] = []
        takes_the_rest = size > 1 and math.prod(shape[k + 1 :]) == 1
        if axes and takes_the_rest and left[-1] == _ONE_IMAGE:
            # A batch of one could be part of any axis, but is not of the last, the features.
            axes[-1] = (*axes[-1], left.pop())
        if left and left[-1].label == "N" and size % left[-1].size == 0:
            taken.append(left.pop())  # also of size 1: the batch belongs to the first axis
            size //= taken[-1].size
        while size > 1:
            holds_batch = left and left[-1].label == "N" and size % left[-1].size == 0
            taken.append(left.pop() if holds_batch else _taken(left, size))
            size //= taken[-1].size
        axes.append(merged(taken))
    return replace(value, axes=tuple(axes))


def _taken(left: list[Atom], size: int) -> Atom:
    """The next atom, or the slow part of it, which divides `size`."""
    atom = left.pop() if left else Atom("N", 1, 1)
    if atom.label == "N":
        raise RefusedError("divides the batch")
    if size % atom.size == 0:
        return atom
    if atom.size % size != 0:
        raise RefusedError(f"divides an axis of {atom.size} at {size}, which is no factor")
    inner = atom.size // size
    left.append(Atom(atom.label, atom.stride, inner))
    return Atom(atom.label, atom.stride * inner, size)


def memory_step(value: Activation, atom: Atom) -> int:
    """Distance in one image's output of two successive numbers that an atom counts."""
    axis_steps = {"C": 1, "W": value.channels, "H": value.channels * value.size("W")}
    return axis_steps[atom.label] * atom.stride


def positions(value: Activation) -> NDArray[np.int64]:
    """Position in one image's output of every element of the ONNX array, without the batch.

    Raises:
        RefusedError: if the batch is not an axis by itself.
    """
    index = np.zeros((), np.int64)
    for axis in value.axes:
        if is_batch(axis):
            continue
        for atom in axis:
            if atom.label == "N":
                raise RefusedError("the batch is joined with another axis")
            index = index[..., np.newaxis] + memory_step(value, atom) * np.arange(atom.size)
    return index.reshape(
        [
            size
            for size, axis in zip(value.onnx_shape, value.axes, strict=True)
            if not is_batch(axis)
        ]
    )


def per_channel(value: Activation, constant: Array) -> Array:
    """A constant that the ONNX graph combines with an activation, one number per channel.

    Args:
        value: the activation.
        constant: array of a shape that broadcasts to the activation's.

    Returns:
        The constant as a vector, in the order of the channels of the layer's output.

    Raises:
        RefusedError: if its numbers vary along another axis, or it does not broadcast.
    """
    rank = len(value.axes)
    extra = max(0, constant.ndim - rank)
    if any(size != 1 for size in constant.shape[:extra]):
        raise RefusedError(
            f"combines arrays of shapes {value.onnx_shape} and {constant.shape}, expected a "
            "constant that broadcasts to the other"
        )
    own_shape = (1,) * (rank - constant.ndim) + constant.shape[extra:]
    left = constant.reshape(own_shape)  # once along axes along which it repeats
    atoms: list[tuple[Atom, int]] = []  # of the channels, and the size of the constant along each
    for k, (axis, size) in enumerate(zip(value.axes, value.onnx_shape, strict=True)):
        own = own_shape[k]
        if own not in (1, size):
            raise RefusedError(
                f"a constant of shape {constant.shape} does not fit an axis of {size}"
            )
        if own > 1 and any(atom.label != "C" for atom in axis):
            first = left.take([0], axis=k)
            if np.any(left != first):
                raise RefusedError(
                    f"a constant of shape {constant.shape} varies within a channel, expected one "
                    "number, or one per channel"
                )
            left, own = first, 1
        atoms += [(atom, 1 if own == 1 else atom.size) for atom in axis if atom.label == "C"]
    order = sorted(range(len(atoms)), key=lambda k: -atoms[k][0].stride)
    parts = left.reshape([size for _, size in atoms]).transpose(order)
    return np.broadcast_to(parts, [atoms[k][0].size for k in order]).reshape(-1)


def axis_index(axis: int, rank: int) -> int:
    """`axis` counted from the front.

    Raises:
        RefusedError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise RefusedError(f"axis is {axis}, expected one of {rank} axes")
    return axis % rank


def atoms_of(value: Activation, axes: Iterable[int]) -> set[Atom]:
    """Atoms of some axes."""
    return {atom for axis in axes for atom in value.axes[axis]}


def pixel_label(value: Activation, axis: int) -> str | None:
    """Label "H" or "W" of an axis that is the whole height or width, of several pixels."""
    return next((each for each in "HW" if value.axes[axis] == value.whole(each) != ()), None)


def pixels_covered(value: Activation, axes: Iterable[int]) -> str | None:
    """Which of "H" and "W" some axes of the ONNX array cover, each as a whole.

    Returns:
        The labels; None if the axes cover channels, or a part of the height or the width.

    Raises:
        RefusedError: if they contain the batch.
    """
    inside = atoms_of(value, axes)
    labels = {atom.label for atom in inside}
    if "N" in labels:
        raise RefusedError("works along the batch, expected one image at a time")
    covered = {atom for atom in atoms_of(value, range(len(value.axes))) if atom.label in labels}
    if "C" in labels or inside != covered:
        return None
    return "".join(label for label in "HW" if label in labels)


def without_axes(value: Activation, axes: Iterable[int], *, keep: bool) -> tuple[Axis, ...]:
    """The note after some axes were reduced to size 1, which stay if `keep`."""
    gone = set(axes)
    emptied = [() if k in gone else axis for k, axis in enumerate(value.axes)]
    return tuple(axis for k, axis in enumerate(emptied) if keep or k not in gone)
