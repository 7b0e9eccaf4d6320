"""The arithmetic of single numbers: which values a layer multiplied and added for one cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray
from cnnx.explain.trace import Cell
from cnnx.model.windows import windows_of


@dataclass(frozen=True, eq=False)
class Window:
    """The cells of a map or image under a window.

    Attributes:
        rows: rows of the cells in the map; those outside are in the padding.
        columns: their columns.
        inside: which cells lie in the map, (rows, columns).
        values: the numbers, (rows, columns, maps); 0 in the padding.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    inside: NDArray[np.bool_]
    values: FloatArray

    @classmethod
    def of(cls, cell: Cell, x: FloatArray) -> Window:
        """The window that a convolution or a pool of `x` read for a cell."""
        windows = windows_of(cell.layer.settings, x.shape, cell.layer.output.shape)
        rows, columns = (
            cell.index[axis] * windows.stride[axis]
            - windows.padding[axis]
            + np.arange(windows.kernel[axis]) * windows.dilation[axis]
            for axis in (0, 1)
        )
        in_rows = (rows >= 0) & (rows < x.shape[0])
        in_columns = (columns >= 0) & (columns < x.shape[1])
        inside = in_rows[:, np.newaxis] & in_columns
        values = np.zeros((len(rows), len(columns), x.shape[2]), np.float32)
        values[inside] = x[np.ix_(rows[in_rows], columns[in_columns])].reshape(-1, x.shape[2])
        return cls(rows, columns, inside, values)


@dataclass(frozen=True, eq=False)
class WindowSum:
    """One cell of a convolution: a window times a filter, added up.

    Attributes:
        window: the window of the maps that the filter reads.
        first_map: number of the first of these maps in the layer's input.
        weights: the filter, (rows, columns, maps).
        bias: number that is added, or None.
        result: the layer's output.
    """

    window: Window
    first_map: int
    weights: FloatArray
    bias: float | None
    result: float

    @classmethod
    def of(cls, cell: Cell, x: FloatArray) -> WindowSum:
        """The sum for a cell of a conv2d that read `x`."""
        layer, out = cell.layer, cell.index[2]
        weights = layer.array("weight")
        assert weights is not None
        filters = weights[..., out]
        reads = filters.shape[2]
        first = out // (weights.shape[3] // layer.settings["groups"]) * reads
        window = Window.of(cell, x[..., first : first + reads])
        return cls(window, first, filters, _entry(layer.array("bias"), out), cell.value)

    @property
    def products(self) -> NDArray[np.float64]:
        """Value times weight of each cell, (rows, columns, maps)."""
        return self.window.values.astype(np.float64) * self.weights

    @property
    def by_map(self) -> NDArray[np.float64]:
        """The sum of the products with each map."""
        sums: NDArray[np.float64] = self.products.sum(axis=(0, 1))
        return sums


@dataclass(frozen=True, eq=False)
class ListSum:
    """One number of a dense layer: a list times weights, added up.

    Attributes:
        values: the list that the layer reads.
        weights: one weight for each of its numbers.
        bias: number that is added, or None.
        result: the layer's output.
    """

    values: FloatArray
    weights: FloatArray
    bias: float | None
    result: float

    @classmethod
    def of(cls, cell: Cell, x: FloatArray) -> ListSum:
        """The sum for an output of a dense layer that read `x`."""
        weights = cell.layer.array("weight")
        assert weights is not None
        (out,) = cell.index
        return cls(x, weights[:, out], _entry(cell.layer.array("bias"), out), cell.value)

    @property
    def products(self) -> NDArray[np.float64]:
        """Value times weight of each number of the list."""
        return self.values.astype(np.float64) * self.weights


@dataclass(frozen=True)
class Normalisation:
    """One cell of a batch norm: ``(value - mean) / deviation * weight + bias``.

    Attributes:
        value: the cell that it reads.
        mean: running mean of the map in training.
        deviation: square root of the running variance and epsilon.
        weight: factor.
        bias: number that is added.
        result: the layer's output.
    """

    value: float
    mean: float
    deviation: float
    weight: float
    bias: float
    result: float

    @classmethod
    def of(cls, cell: Cell, x: FloatArray) -> Normalisation:
        """The terms for a cell of a batch norm that read `x`."""
        layer, out = cell.layer, cell.index[-1]
        mean, variance, weight, bias = (
            _entry(layer.array(name), out)
            for name in ("running_mean", "running_variance", "weight", "bias")
        )
        assert mean is not None
        assert variance is not None
        deviation = float(np.sqrt(variance + layer.settings["epsilon"]))
        return cls(
            float(x[cell.index]),
            mean,
            deviation,
            1.0 if weight is None else weight,
            0.0 if bias is None else bias,
            cell.value,
        )


def divisor(cell: Cell, x: FloatArray) -> int:
    """How many cells the mean of an average pool counts for a cell; `x` is what the pool read."""
    settings, window = cell.layer.settings, Window.of(cell, x)
    if not settings["count_include_pad"] or settings["padding"] == "same":
        return int(window.inside.sum())
    top, left, bottom, right = windows_of(settings, x.shape, cell.layer.output.shape).padding
    rows = (window.rows >= -top) & (window.rows < x.shape[0] + bottom)
    columns = (window.columns >= -left) & (window.columns < x.shape[1] + right)
    return int(rows.sum() * columns.sum())


def _entry(array: FloatArray | None, index: int) -> float | None:
    return None if array is None else float(array[index])
