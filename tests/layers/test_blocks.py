"""Residual, Parallel and graphs: their connections, names and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import ops
from comparison import assert_same_bits
from gradient_checks import check_gradients

SHAPE = (8, 6, 3)
Make = Callable[[], object]


def model_of(*layers: cnnx.Layer) -> cnnx.Model:
    return cnnx.Model(list(layers), input_shape=SHAPE)


def connections(model: cnnx.Model) -> dict[str, list[str]]:
    """Each name with the names of its inputs, in order."""
    return {name: inputs for _, _, name, inputs, _ in model._core.layers}


def conv(name: str | None = None) -> cnnx.Layer:
    return cnnx.Conv2d(3, 1, name=name)


# Outputs of blocks, computed by the ops one after another.


def images(rng: np.random.Generator) -> Any:
    return rng.standard_normal((4, *SHAPE)).astype(np.float32)


def test_residual_adds_its_input(rng: np.random.Generator) -> None:
    model, x = model_of(cnnx.Residual([conv(), cnnx.ReLU(), conv()])), images(rng)
    p = model.parameters
    y = ops.conv2d(x, p["residual_1.conv2d_1.weight"], p["residual_1.conv2d_1.bias"])
    y = ops.relu(y)
    y = ops.conv2d(y, p["residual_1.conv2d_2.weight"], p["residual_1.conv2d_2.bias"])
    assert_same_bits(model(x), y + x)


def test_residual_adds_its_shortcut(rng: np.random.Generator) -> None:
    model = model_of(
        cnnx.Residual(cnnx.Conv2d(5, 2, name="body"), shortcut=[cnnx.Conv2d(5, 2, name="by")])
    )
    p, x = model.parameters, images(rng)
    body = ops.conv2d(x, p["residual_1.body.weight"], p["residual_1.body.bias"])
    shortcut = ops.conv2d(x, p["residual_1.by.weight"], p["residual_1.by.bias"])
    assert_same_bits(model(x), body + shortcut)


def test_parallel_branches_lie_side_by_side_in_order(rng: np.random.Generator) -> None:
    model = model_of(cnnx.Parallel([[], cnnx.Tanh(), [cnnx.ReLU(), cnnx.Sigmoid()]]))
    x = images(rng)
    branches = [x, ops.tanh(x), ops.sigmoid(ops.relu(x))]
    assert_same_bits(model(x), np.concatenate(branches, axis=-1))


def test_parallel_branches_add_up_in_order(rng: np.random.Generator) -> None:
    model = model_of(cnnx.Parallel([cnnx.Tanh(), [], cnnx.Sigmoid()], merge="add"))
    x = images(rng)
    assert_same_bits(model(x), ops.tanh(x) + x + ops.sigmoid(x))


@pytest.mark.parametrize("flat", [True, False])
def test_a_gate_multiplies_every_pixel(flat: bool, rng: np.random.Generator) -> None:
    image = cnnx.Input(SHAPE)
    gates = cnnx.AvgPool2d(SHAPE[:2])(image)
    gates = cnnx.Flatten()(gates) if flat else gates
    model, x = cnnx.Model.from_graph(image, cnnx.Multiply()(image, gates)), images(rng)
    assert_same_bits(model(x), x * ops.avg_pool2d(x, SHAPE[:2]))


@pytest.mark.parametrize("channels", [2, 3, 16, 17, 40])
def test_a_gate_of_one_channel_multiplies_all_channels(
    channels: int, rng: np.random.Generator
) -> None:
    image = cnnx.Input(SHAPE)
    maps, gates = cnnx.Conv2d(channels, 1)(image), cnnx.Conv2d(1, 1)(image)
    model = cnnx.Model.from_graph(image, cnnx.Multiply()(maps, gates), seed=channels)
    x, p = images(rng), model.parameters
    factors = ops.conv2d(x, p["conv2d_2.weight"], p["conv2d_2.bias"])
    assert_same_bits(model(x), ops.conv2d(x, p["conv2d_1.weight"], p["conv2d_1.bias"]) * factors)
    check_gradients(model, x, 1e-5)


def test_vectors_are_added_multiplied_and_put_side_by_side(rng: np.random.Generator) -> None:
    image = cnnx.Input(SHAPE)
    x = images(rng)
    flat = cnnx.Flatten()(image)
    bent = cnnx.Tanh()(flat)
    a, b = x.reshape(4, -1), ops.tanh(x.reshape(4, -1))
    for layer, expected in (
        (cnnx.Add(), a + b),
        (cnnx.Multiply(), a * b),
        (cnnx.Concat(), np.concatenate([a, b], axis=1)),
    ):
        assert_same_bits(cnnx.Model.from_graph(image, layer(flat, bent))(x), expected)


# Connections and names.


def test_names_within_blocks() -> None:
    inner = cnnx.Residual([conv(), conv("conv2d_2"), conv()])
    model = model_of(
        cnnx.Residual([conv(), inner, conv()]),
        conv(),
        cnnx.Residual(conv(), name="residual_2"),
        cnnx.Residual(conv("own"), shortcut=[conv()]),
        cnnx.Parallel([conv(), [], conv()], name="stage.2"),
    )
    assert connections(model) == {
        "residual_1.conv2d_1": ["input"],
        "residual_1.residual_1.conv2d_1": ["residual_1.conv2d_1"],
        "residual_1.residual_1.conv2d_2": ["residual_1.residual_1.conv2d_1"],
        "residual_1.residual_1.conv2d_3": ["residual_1.residual_1.conv2d_2"],
        "residual_1.residual_1.add_1": ["residual_1.residual_1.conv2d_3", "residual_1.conv2d_1"],
        "residual_1.conv2d_2": ["residual_1.residual_1.add_1"],
        "residual_1.add_1": ["residual_1.conv2d_2", "input"],
        "conv2d_1": ["residual_1.add_1"],
        "residual_2.conv2d_1": ["conv2d_1"],
        "residual_2.add_1": ["residual_2.conv2d_1", "conv2d_1"],
        # The shortcut runs first.
        "residual_3.conv2d_1": ["residual_2.add_1"],
        "residual_3.own": ["residual_2.add_1"],
        "residual_3.add_1": ["residual_3.own", "residual_3.conv2d_1"],
        "stage.2.conv2d_1": ["residual_3.add_1"],
        "stage.2.conv2d_2": ["residual_3.add_1"],
        "stage.2.concat_1": ["stage.2.conv2d_1", "residual_3.add_1", "stage.2.conv2d_2"],
    }


def test_every_call_of_a_layer_makes_one_which_is_warned_about_if_it_has_parameters() -> None:
    layer, image, rectify = conv(), cnnx.Input(SHAPE), cnnx.ReLU()
    sum_of_two = cnnx.Add()(rectify(layer(image)), rectify(layer(image)))
    sentence = "^Model.from_graph: a Conv2d is called 2 times, and each is a layer with weights of"
    with pytest.warns(cnnx.Warning, match=sentence) as caught:
        model = cnnx.Model.from_graph(image, sum_of_two)
    assert len(caught) == 1  # none of the ReLU
    assert [*model.parameters] == [
        *("conv2d_1.weight", "conv2d_1.bias", "conv2d_2.weight", "conv2d_2.bias")
    ]
    first, second = model.parameters["conv2d_1.weight"], model.parameters["conv2d_2.weight"]
    assert not np.array_equal(first, second)
    block = cnnx.Residual(conv())
    with pytest.warns(cnnx.Warning, match="a Residual is called 2 times"):
        cnnx.Model.from_graph(image, block(block(image)))


def test_a_layer_several_times_in_a_list_is_warned_about_if_it_has_parameters() -> None:
    shared, rectify = conv(), cnnx.ReLU()
    for layers, finding in (
        ([shared] * 3, "a Conv2d stands in layers 3 times"),
        ([cnnx.Residual(shared)] * 2, "a Residual stands in layers 2 times"),
        ([shared, cnnx.Residual(shared)], "a Conv2d stands in layers 2 times"),
    ):
        with pytest.warns(cnnx.Warning, match=f"^Model: {finding}, and each is a layer with weig"):
            model_of(*layers)
    model_of(conv(), rectify, conv(), rectify)  # a warning would be an error


def test_a_graph_holds_what_its_output_needs_in_the_order_of_need() -> None:
    image = cnnx.Input(SHAPE)
    conv("unused")(image)
    far = conv("far")(conv("near")(image))
    beside = conv("beside")(image)
    model = cnnx.Model.from_graph([image], [cnnx.Concat()(beside, far, image)])
    assert connections(model) == {
        "beside": ["input"],
        "near": ["input"],
        "far": ["near"],
        "concat_1": ["beside", "far", "input"],
    }


def test_a_graph_of_a_chain_is_the_model_of_the_list() -> None:
    layers = [conv(), cnnx.ReLU(), cnnx.Residual(conv()), cnnx.Flatten(), cnnx.Dense(2)]
    image = cnnx.Input(SHAPE)
    symbol: Any = image
    for layer in layers:
        symbol = layer(symbol)
    graph = cnnx.Model.from_graph(image, symbol, classes=["X", "O"], seed=9)
    chain = cnnx.Model(layers, input_shape=SHAPE, classes=["X", "O"], seed=9)
    assert graph._core.layers == chain._core.layers
    assert graph.classes == chain.classes
    for key, value in chain.parameters.items():
        assert_same_bits(graph.parameters[key], value)


def test_a_long_chain_is_no_deep_recursion() -> None:
    image = cnnx.Input((1, 1, 1))
    symbol: Any = image
    for _ in range(3000):
        symbol = cnnx.Tanh()(symbol)
    assert len(cnnx.Model.from_graph(image, symbol).layers) == 3000


def test_a_block_that_is_frozen_freezes_what_it_holds() -> None:
    block = cnnx.Residual([conv(), cnnx.Parallel([conv(), conv()], merge="add")])
    block.trainable = False
    model = model_of(conv(), block, conv())
    assert {layer.name: layer.trainable for layer in model.layers} == {
        "conv2d_1": True,
        "residual_1.conv2d_1": False,
        "residual_1.parallel_1.conv2d_1": False,
        "residual_1.parallel_1.conv2d_2": False,
        "residual_1.parallel_1.add_1": False,
        "residual_1.add_1": False,
        "conv2d_2": True,
    }
    model.layers[1].trainable = True
    assert model.layers[1].trainable
    assert repr(model.layers[2]).endswith("trainable=False)")


def test_blocks_print_as_they_are_written() -> None:
    for block in (
        cnnx.Residual([conv(), cnnx.ReLU()], shortcut=conv(), name="block"),
        cnnx.Parallel([[], conv(), [cnnx.ReLU(), conv()]], merge="add"),
    ):
        assert repr(eval(repr(block), vars(cnnx))) == repr(block)
    image = cnnx.Input(SHAPE)
    assert repr(image) == "Input((8, 6, 3))"
    assert repr(cnnx.Add()(image, image)) == "<output of Add() with 2 inputs>"
    assert repr(cnnx.ReLU()(image)) == "<output of ReLU() with 1 input>"


# Refusals.

IMAGE, OTHER = cnnx.Input(SHAPE), cnnx.Input(SHAPE)
MADE = conv()(IMAGE)
from_graph: Any = cnnx.Model.from_graph
anything: Any = cnnx


def set_trainable(owner: Any, value: object) -> None:
    owner.trainable = value


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: anything.Residual(3), "Residual: body is 3, expected layers"),
        (lambda: anything.Residual("relu"), "Residual: body is 'relu', expected layers"),
        (lambda: anything.Residual([cnnx.ReLU]), "Residual: body holds <class .*>, expected"),
        (lambda: anything.Residual([[conv()]]), "Residual: body holds .*Conv2d.*, expected layers"),
        (lambda: anything.Residual(conv(), shortcut=7), "Residual: shortcut is 7, expected layers"),
        (
            lambda: anything.Residual(conv(), shortcut=[None]),
            "Residual: shortcut holds None, expected",
        ),
        (lambda: anything.Residual(conv(), name=3), "Residual: name is 3, expected text"),
        (lambda: anything.Parallel(conv()), "Parallel: branches is Conv2d.*, expected a list of"),
        (lambda: anything.Parallel(5), "Parallel: branches is 5, expected a list of branches"),
        (lambda: anything.Parallel([conv(), 4]), "Parallel: branches is 4, expected layers"),
        (lambda: anything.Parallel([[], []], name=1), "Parallel: name is 1, expected text"),
        (lambda: anything.ReLU()(np.zeros(3)), r"ReLU: its input is an array of shape \(3,\), exp"),
        (lambda: anything.ReLU()(conv()), "ReLU: its input is Conv2d.*, expected a cnnx.Input or"),
        (lambda: anything.Add()([IMAGE, MADE]), "Add: its input is .*, expected a cnnx.Input"),
        (lambda: anything.ReLU()(), "ReLU: has no input, expected at least one"),
        (
            lambda: from_graph(IMAGE, [MADE, MADE]),
            "from_graph: outputs is .*, expected the output of one",
        ),
        (
            lambda: from_graph(IMAGE, []),
            r"from_graph: outputs is \[\], expected the output of one layer",
        ),
        (
            lambda: from_graph(IMAGE, conv()),
            "from_graph: outputs is Conv2d.*, expected the output of one",
        ),
        (
            lambda: from_graph([IMAGE, OTHER], MADE),
            r"from_graph: inputs is \[Input\(\(8, 6, 3\)\), Input.*, expected one cnnx.Input",
        ),
        (lambda: from_graph(SHAPE, MADE), r"from_graph: inputs is \(8, 6, 3\), expected one cnnx"),
        (
            lambda: from_graph(MADE, MADE),
            "from_graph: inputs is <output of Conv2d.*, expected one cnnx",
        ),
        (lambda: anything.Input((8, 6)), r"Input: shape is \(8, 6\), expected \(height, width,"),
        (lambda: anything.Input(8), r"Input: shape is 8, expected \(height, width, channels\)"),
        (
            lambda: set_trainable(conv(), "no"),
            "Conv2d: trainable is 'no', expected True or False",
        ),
        (
            lambda: set_trainable(cnnx.Residual(conv()), 0),
            "Residual: trainable is 0, expected True or False",
        ),
        (
            lambda: set_trainable(model_of(conv()).layers[0], None),
            "ModelLayer: trainable is None, expected True or False",
        ),
    ],
)
def test_wrong_types_are_refused(make: Make, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: cnnx.Residual([]), "Residual: body is empty, expected at least one layer"),
        (lambda: cnnx.Residual(conv(), name=""), "Residual: name is empty, expected letters"),
        (lambda: cnnx.Parallel([conv()]), "Parallel: branches has 1 of them, expected at least 2"),
        (
            lambda: cnnx.Parallel([[], []], merge="sum"),
            "Parallel: merge is 'sum', expected",
        ),
        (
            lambda: model_of(cnnx.Residual(cnnx.Conv2d(4, 1))),
            r"layer residual_1.add_1: add: its inputs have shapes \(1, 8, 6, 4\) and "
            r"\(1, 8, 6, 3\), expected equal ones",
        ),
        (
            lambda: model_of(cnnx.Residual(cnnx.Flatten(), name="block")),
            r"layer block.add_1: add: its inputs have shapes \(1, 144\) and \(1, 8, 6, 3\), exp",
        ),
        (
            lambda: model_of(cnnx.Parallel([cnnx.MaxPool2d(2), []])),
            r"layer parallel_1.concat_1: concat: its inputs have shapes \(1, 4, 3, 3\) and "
            r"\(1, 8, 6, 3\), expected equal ones but for the last axis",
        ),
        (
            lambda: model_of(cnnx.Residual([conv(), cnnx.Conv2d(3, 9)])),
            "layer residual_1.conv2d_2: conv2d: ",
        ),
        (lambda: model_of(cnnx.Add()), "layer add_1: add: has 1 input, expected 2 to 64"),
        (lambda: model_of(cnnx.Multiply()), "layer multiply_1: multiply: has 1 input, expected 2$"),
        (
            lambda: from_graph(IMAGE, cnnx.Multiply()(MADE, MADE, MADE)),
            "layer multiply_1: multiply: has 3 inputs, expected 2$",
        ),
        (
            lambda: from_graph(IMAGE, cnnx.Add()(*[MADE] * 65)),
            "layer add_1: add: has 65 inputs, expected 2 to 64",
        ),
        (
            lambda: from_graph(IMAGE, cnnx.Multiply()(MADE, cnnx.Conv2d(4, 1)(MADE))),
            r"multiply: its inputs have shapes \(1, 8, 6, 3\) and \(1, 8, 6, 4\), expected equal "
            "ones, or a second of one number per channel or per pixel",
        ),
        (
            lambda: from_graph(IMAGE, conv()(IMAGE, MADE)),
            "layer conv2d_2: conv2d: has 2 inputs, expected one",
        ),
        (
            lambda: from_graph(IMAGE, cnnx.Residual(conv())(IMAGE, MADE)),
            "layer residual_1: residual: has 2 inputs, expected one",
        ),
        (
            lambda: from_graph(IMAGE, cnnx.Parallel([[], []])(IMAGE, MADE)),
            "layer parallel_1: parallel: has 2 inputs, expected one",
        ),
        (lambda: from_graph(IMAGE, IMAGE), "from_graph: outputs is the input itself, expected"),
        (lambda: from_graph(OTHER, MADE), "from_graph: outputs reads another Input than the one"),
        (
            lambda: from_graph(IMAGE, OTHER),
            "from_graph: outputs reads another Input than the one",
        ),
        (
            lambda: from_graph(IMAGE, cnnx.Add()(MADE, OTHER)),
            "from_graph: outputs reads another Input than the one in inputs",
        ),
        (lambda: model_of(conv("a"), conv("a")), 'model: two layers are named "a"'),
        (
            lambda: model_of(*[cnnx.Residual(conv(), name="a")] * 2),
            'model: two layers are named "a"',
        ),
        (
            lambda: model_of(cnnx.Residual(conv(), name="a b")),
            'model: layer name "a b" must be 1 to 100 letters',
        ),
        (lambda: model_of(conv("input")), 'model: no layer may be named "input"'),
    ],
)
def test_wrong_values_are_refused(make: Make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_not_there_cannot_be_frozen() -> None:
    with pytest.raises(ValueError, match='model: no layer is named "absent"'):
        model_of(conv())._core.set_trainable("absent", False)
