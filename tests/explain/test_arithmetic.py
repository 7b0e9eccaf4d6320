"""The arithmetic of single cells: its terms give what the layers computed."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.explain.arithmetic import ListSum, Normalisation, Window, WindowSum, divisor
from cnnx.explain.trace import Cell, Trace
from graph_networks import with_random_values

SHAPE = (9, 11, 6)
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "padded": {"padding": ((2, 1), (0, 2))},
    "same, strides": {"padding": "same", "stride": (2, 3)},
    "dilation": {"dilation": (2, 3), "padding": 2},
    "groups": {"groups": 3, "padding": 1},
    "depthwise": {"groups": 6, "padding": "same"},
    "without bias": {"bias": False},
}


def trace_of(*layers: cnnx.Layer) -> Trace:
    model = with_random_values(cnnx.Model(list(layers), input_shape=SHAPE, seed=3))
    image = np.random.default_rng(5).random(SHAPE, np.float32)
    return Trace(model, image, 0)


def cells_of(trace: Trace) -> list[Cell]:
    """Every cell of the first layer."""
    layer = trace.layers[0]
    return [Cell(layer, index) for index in np.ndindex(layer.output.shape)]


def test_stages_end_where_several_layers_read_an_output() -> None:
    image = cnnx.Input(SHAPE)
    maps = cnnx.ReLU()(cnnx.Conv2d(6, 3, padding=1)(image))
    total = cnnx.Add()(cnnx.BatchNorm2d()(maps), maps)
    pooled = cnnx.MaxPool2d(2)(cnnx.Tanh()(total))
    output = cnnx.Softmax()(cnnx.Dense(3)(cnnx.Flatten()(pooled)))
    trace = Trace(cnnx.Model.from_graph(image, output), np.ones(SHAPE, np.float32), 2)
    assert [[layer.name for layer in stage.layers] for stage in trace.stages()] == [
        ["conv2d_1", "relu_1"],
        ["batch_norm2d_1"],
        ["add_1", "tanh_1", "max_pool2d_1"],
        ["flatten_1"],
        ["dense_1"],
    ]
    assert [stage.place for stage in trace.stages()] == [None] * 4 + [(2,)]
    place = trace.stages()[2].chosen_cells()
    assert place[0].index == place[1].index
    assert place[1].value == place[2].value == trace.values["tanh_1"].max()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_products_of_a_window_add_up_to_a_convolution(name: str) -> None:
    trace = trace_of(cnnx.Conv2d(12, (3, 2), **CONVOLUTIONS[name]))
    x = trace.inputs_of(trace.layers[0])[0]
    for cell in cells_of(trace)[::5]:
        total = WindowSum.of(cell, x)
        assert (total.bias is None) == (name == "without bias")
        assert total.by_map.sum() + (total.bias or 0) == pytest.approx(total.result, abs=1e-5)
        last = total.first_map + total.weights.shape[2]
        for row, down in enumerate(total.window.rows):
            for column, right in enumerate(total.window.columns):
                is_inside = 0 <= down < SHAPE[0] and 0 <= right < SHAPE[1]
                assert total.window.inside[row, column] == is_inside
                expected = x[down, right, total.first_map : last] if is_inside else 0
                assert (total.window.values[row, column] == expected).all()


@pytest.mark.parametrize("settings", [{}, {"padding": "same", "stride": 2}, {"dilation": 2}])
def test_the_largest_of_a_window_is_the_max_pool(settings: dict[str, Any]) -> None:
    trace = trace_of(cnnx.MaxPool2d(3, **settings))
    x = trace.inputs_of(trace.layers[0])[0]
    for cell in cells_of(trace):
        window = Window.of(cell, x)
        assert window.values[window.inside][:, cell.index[2]].max() == cell.value


@pytest.mark.parametrize(
    "settings",
    [
        {"padding": 1},
        {"padding": 1, "count_include_pad": False},
        {"padding": "same"},
        {"padding": 1, "stride": 2, "ceil_mode": True},
    ],
)
def test_the_mean_of_a_window_is_the_average_pool(settings: dict[str, Any]) -> None:
    trace = trace_of(cnnx.AvgPool2d((3, 2), **settings))
    x = trace.inputs_of(trace.layers[0])[0]
    for cell in cells_of(trace):
        total = Window.of(cell, x).values[..., cell.index[2]].sum()
        assert total / divisor(cell, x) == pytest.approx(cell.value, abs=1e-6)


@pytest.mark.parametrize("affine", [True, False])
def test_terms_of_a_batch_norm(affine: bool) -> None:
    trace = trace_of(cnnx.BatchNorm2d(affine=affine))
    for cell in cells_of(trace)[:50]:
        terms = Normalisation.of(cell, trace.inputs_of(cell.layer)[0])
        normalised = (terms.value - terms.mean) / terms.deviation
        assert normalised * terms.weight + terms.bias == pytest.approx(terms.result, abs=1e-5)


def test_products_of_a_list_add_up_to_a_dense_layer() -> None:
    trace = trace_of(cnnx.Flatten(), cnnx.Dense(7))
    layer = trace.layers[1]
    for entry in range(7):
        total = ListSum.of(Cell(layer, (entry,)), trace.inputs_of(layer)[0])
        assert total.bias is not None
        assert total.products.sum() + total.bias == pytest.approx(total.result, abs=1e-5)
