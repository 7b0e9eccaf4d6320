"""The arithmetic of a chosen cell as markup: align, multiply, add, and the steps behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.drawing.colours import NEGATIVE, POSITIVE
from cnnx.drawing.maps import (
    decimals_of,
    framed_image,
    largest,
    number,
    number_grid,
)
from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.page import figure
from cnnx.explain.arithmetic import ListSum, Normalisation, Window, WindowSum, divisor
from cnnx.explain.layer_texts import by, title_of
from cnnx.explain.trace import ELEMENTWISE, INPUT, Cell, Stage, Trace

_MOST_MAPS = 3  # whose products are drawn
_MOST_TERMS = 8  # of a list
_IMAGE = 150  # side of the image with the window, in CSS pixels
_BAR = 120  # longest bar
_TIMES, _ARROW = "\N{MULTIPLICATION SIGN}", "\N{RIGHTWARDS ARROW}"


def steps_of(stage: Stage, trace: Trace) -> Markup | None:
    """The steps of the stage's strongest cell, or None if no layer of it can be spelled out."""
    steps = [
        _STEPS[cell.layer.kind](cell, trace.inputs_of(cell.layer), trace)
        for cell in stage.chosen_cells()
        if cell.layer.kind in _STEPS
    ]
    return element("div", *steps, class_="by-hand") if steps else None


def place_of(cell: Cell, trace: Trace) -> str:
    """The place of a cell in words."""
    if cell.layer is trace.scores:
        return f"score of {trace.labels[trace.explained]}"
    if len(cell.index) == 1:
        return f"number {cell.index[0]}"
    row, column, channel = cell.index
    return f"map {channel}, row {row}, column {column}"


def significant(value: float) -> str:
    """A number with four digits."""
    return number(value, decimals_of([float(value)]) + 1)


def bar(fraction: float) -> Markup:
    """A bar for a number from -1 to 1, orange for positive ones and blue for negative ones."""
    colour = POSITIVE if fraction >= 0 else NEGATIVE
    width = round(abs(float(fraction)) * _BAR)
    return element("span", class_="bar", style=f"background:{colour};width:{width}px")


def _convolution(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    total = WindowSum.of(cell, inputs[0])
    order = np.argsort(-np.abs(total.by_map), kind="stable")
    if total.weights.shape[:2] == (1, 1):
        return _mixture(total, place_of(cell, trace))
    chosen = [int(each) for each in order[: _MOST_MAPS if len(order) > _MOST_MAPS + 1 else None]]
    digits = decimals_of(total.by_map) + 1
    lines = joined(_products(total, each, cell, trace, digits) for each in chosen)
    terms = [number(total.by_map[each], digits) for each in chosen]
    others = len(order) - len(chosen)
    if others:
        rest = float(total.by_map.sum() - sum(total.by_map[each] for each in chosen))
        terms.append(f"{number(rest, digits)} (the other {others:,} maps)")
    if total.bias is not None:
        terms.append(f"{number(total.bias, digits)} (bias)")
    text = _added(terms) if len(terms) > 1 else "of the products"
    return joined([lines, _result("Sum", text, number(total.result, digits))])


def _products(total: WindowSum, each: int, cell: Cell, trace: Trace, digits: int) -> Markup:
    """One map under the window, the filter on it, and their products."""
    window = total.window
    own = total.first_map + each
    source = cell.layer.inputs[0]
    x = trace.values[source][..., own]
    frame = (
        int(window.rows[0]),
        int(window.columns[0]),
        int(window.rows[-1] - window.rows[0] + 1),
        int(window.columns[-1] - window.columns[0] + 1),
    )
    name = _map_name(source, own, trace)
    outside = ~window.inside
    lined_up = "line up: the window"
    if outside.any():
        lined_up += ", 0 beyond the edge"
    grids = (
        number_grid(window.values[..., each], lined_up, outside=outside),
        number_grid(total.weights[..., each], f"multiply: filter {cell.index[2]}"),
        number_grid(total.products[..., each], f"add: {number(total.by_map[each], digits)}"),
    )
    aligned = figure(framed_image(x, frame, f"{name} with the window", width=_IMAGE), name)
    signs = (_ARROW, _TIMES, "=")
    pairs = [
        # On narrow screens a sign stays with the grid behind it.
        element("span", _sign(sign), grid, class_="operand")
        for sign, grid in zip(signs, grids, strict=True)
    ]
    return element("div", aligned, *pairs, class_="row")


def _mixture(total: WindowSum, result: str) -> Markup:
    """The terms of a filter of one cell, a sum over maps."""
    of_list = ListSum(
        total.window.values[0, 0], total.weights[0, 0], total.bias, float(total.result)
    )
    first = total.first_map
    return _terms_table(of_list, lambda k: f"map {first + k}", result, "map")


def _dense(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    source = cell.layer.inputs[0]
    total = ListSum.of(cell, inputs[0])
    result = place_of(cell, trace)
    return _terms_table(total, lambda k: _entry_name(trace, source, k), result, "entry")


def _matrix_product(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    row, i, j = cell.index
    x, y = (each[row] for each in inputs)
    transposed = cell.layer.settings["transposed"]
    values = x[:, i] if transposed == "first" else x[i]
    factors = y[j] if transposed == "second" else y[:, j]
    header = "column" if transposed == "first" else "map"
    total = ListSum(values, factors, None, cell.value)
    return _terms_table(total, lambda k: f"{header} {k}", place_of(cell, trace), header, "number")


def _entry_name(trace: Trace, source: str, index: int) -> str:
    """Words for an entry of a list: the cell of a map that it was, if there is one."""
    layers = {layer.name: layer for layer in trace.layers}
    while source in layers and layers[source].kind not in ("flatten", "global_avg_pool2d", "dense"):
        source = layers[source].inputs[0]
    if source not in layers or layers[source].kind == "dense":
        return f"number {index}"
    if layers[source].kind == "global_avg_pool2d":
        return f"mean of map {index}"
    shape = trace.inputs_of(layers[source])[0].shape
    if len(shape) != 3:
        return f"number {index}"
    row, column, channel = np.unravel_index(index, shape)
    return f"map {channel}, row {row}, column {column}"


def _terms_table(
    total: ListSum,
    entry: Callable[[int], str],
    result: str,
    header: str,
    factors: str = "weight",
) -> Markup:
    """The largest terms of a sum of a list, the others together, and the result.

    Args:
        total: the sum.
        entry: words for an entry of the list.
        result: words for the result.
        header: heading of the column of entries.
        factors: what they are multiplied by.
    """
    products = total.products
    order = np.argsort(-np.abs(products), kind="stable")[:_MOST_TERMS]
    digits = decimals_of(products) + 1
    strongest = largest(products)
    rows: list[list[str | Markup | None]] = [
        [
            entry(int(k)),
            significant(total.values[k]),
            significant(total.weights[k]),
            number(products[k], digits),
            bar(products[k] / strongest),
        ]
        for k in order
    ]
    others = len(products) - len(order)
    if others:
        rest = float(products.sum() - products[order].sum())
        rows.append([f"the other {others:,} together", None, None, number(rest, digits), None])
    if total.bias is not None:
        rows.append(["bias", None, None, number(total.bias, digits), None])
    rows.append([element("b", result), None, None, number(total.result, digits), None])
    return table([header, "number", f"{_TIMES} {factors}", "= product", ""], rows)


def _sum(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    values = [float(x[cell.index]) for x in inputs]
    return _result("Add", _added([significant(each) for each in values]), significant(cell.value))


def _product(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    values = [float(np.broadcast_to(x, cell.layer.output.shape)[cell.index]) for x in inputs]
    return _result(
        "Multiply", f" {_TIMES} ".join(map(significant, values)), significant(cell.value)
    )


def _largest(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    values = ", ".join(significant(float(x[cell.index])) for x in inputs)
    return _result("Largest of", values, significant(cell.value))


def _mean_of_map(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    x = inputs[0][..., cell.index[-1]].astype(np.float64)
    text = f"map {cell.index[-1]}: {significant(x.sum())} / {x.size} cells"
    return _result("Mean", text, significant(cell.value))


def _pool(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    x = inputs[0]
    channel = cell.index[-1]
    window = Window.of(cell, x[..., channel : channel + 1])
    values = window.values[..., 0]
    size = by(*values.shape)
    if cell.layer.kind == "max_pool2d":
        inside = np.where(window.inside, values, -np.inf)
        marked = np.zeros(values.shape, bool)
        marked[np.unravel_index(inside.argmax(), inside.shape)] = True
        grid = number_grid(values, f"a window of {size}", outside=~window.inside, marked=marked)
        text = "the largest number of the window"
        result = _result("Max pooling", text, significant(cell.value))
        return element("div", grid, _sign(_ARROW), result, class_="row")
    grid = number_grid(values, f"a window of {size}", outside=~window.inside)
    text = f"{significant(values.astype(np.float64).sum())} / {divisor(cell, x)} cells"
    result = _result("Average pooling", text, significant(cell.value))
    return element("div", grid, _sign(_ARROW), result, class_="row")


def _batch_norm(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    terms = Normalisation.of(cell, inputs[0])
    value, shift, deviation, weight, bias = map(
        significant, (terms.value, -terms.mean, terms.deviation, terms.weight, terms.bias)
    )
    scaled = f"({_added([value, shift])}) / {deviation} {_TIMES} {weight}"
    return _result("Batch norm", _added([scaled, bias]), significant(cell.value))


def _elementwise(cell: Cell, inputs: list[FloatArray], trace: Trace) -> Markup:
    given, title = significant(inputs[0][cell.index]), title_of(cell.layer)
    texts = {
        "relu": f"the larger of {given} and 0",
        "relu6": f"{given}, but at least 0 and at most 6",
    }
    text = texts.get(cell.layer.kind, f"of {given}")
    return _result(title[0].upper() + title[1:], text, significant(cell.value))


def _added(terms: list[str]) -> str:
    """Terms as a sum, with a minus before those that begin with one."""
    rest = (f" - {each[1:]}" if each.startswith("-") else f" + {each}" for each in terms[1:])
    return terms[0] + "".join(rest)


def _result(name: str, text: str, value: str) -> Markup:
    return element("p", element("b", name), f": {text} = ", element("span", value, class_="result"))


def _map_name(source: str, channel: int, trace: Trace) -> str:
    if source != INPUT:
        return f"map {channel}"
    return trace.channels[channel]


def _sign(text: str) -> Markup:
    return element("span", text, class_="sign")


_STEPS: dict[str, Callable[[Cell, list[FloatArray], Trace], Markup]] = {
    **dict.fromkeys(ELEMENTWISE - {"dropout"}, _elementwise),
    **dict.fromkeys(("group_norm", "layer_norm", "global_response_norm", "lrn"), _elementwise),
    **dict.fromkeys(("l2_norm", "rms_norm"), _elementwise),
    "batch_norm2d": _batch_norm,
    "conv2d": _convolution,
    "dense": _dense,
    "add": _sum,
    "multiply": _product,
    "maximum": _largest,
    "matmul": _matrix_product,
    "global_avg_pool2d": _mean_of_map,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
}
