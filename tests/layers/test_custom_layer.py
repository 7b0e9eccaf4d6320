"""Layers that functions of the user's own compute, in NumPy."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
import random_graphs
from cnnx.layers import Custom
from cnnx.model.build import built
from cnnx.model.layer_reuse import every_layer
from comparison import assert_same_bits
from custom_layers import (
    CLASSES,
    COUNT,
    SHAPE,
    added,
    added_backward,
    graph,
    images,
    labels,
    model,
    rectified,
    rectified_backward,
    relu,
    same_shape,
    square,
    squared,
    squared_backward,
)
from python_process import run_python
from random_graphs import SEEDS, RandomGraph


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("recompute", [False, True])
def test_it_has_the_bits_of_the_library(threads: int, recompute: bool) -> None:
    found = []
    for is_custom in (False, True):
        network = graph(is_custom=is_custom)
        with cnnx.use_threads(threads):
            trainer = cnnx.Trainer(network, recompute=recompute)
            losses = trainer.fit(images(), labels(), epochs=2, batch_size=4).loss
            losses.append(trainer.evaluate(images(), labels())["loss"])
            outputs = network(images())
            gradients = network.gradients(images(), np.ones((COUNT, CLASSES)))
        arrays = (*network.parameters.values(), *network.buffers.values(), outputs, gradients)
        found.append((losses, [each.tobytes() for each in arrays]))
    assert found[0] == found[1]


def test_layers_of_another_shape_and_several_inputs() -> None:
    def means(x: Any, factors: Any) -> Any:
        assert x.dtype == np.float32 or factors.dtype == np.float64
        return (x * factors).mean(axis=(1, 2))

    def means_backward(grad_output: Any, x: Any, factors: Any) -> Any:
        spread = np.broadcast_to(grad_output[:, None, None], x.shape) / (x.shape[1] * x.shape[2])
        return spread * factors, spread * x

    image = cnnx.Input(SHAPE)
    maps, gates = cnnx.Conv2d(4, 1)(image), cnnx.Sigmoid()(cnnx.Conv2d(4, 1)(image))
    layer = Custom(means, means_backward, lambda shape, _: (shape[2],), name="pool")
    network = cnnx.Model.from_graph(image, cnnx.Dense(CLASSES)(layer(maps, gates)))
    assert network.layers[-2].output_shape == (4,)
    losses = cnnx.Trainer(network).fit(images(), labels(), epochs=5).loss
    assert losses[-1] < losses[0]
    pooled = network.layer_outputs(images(), ["pool", *[each.name for each in network.layers[:3]]])
    expected = (pooled["conv2d_1"] * pooled["sigmoid_1"]).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled["pool"], expected, rtol=1e-6)


def test_a_layer_of_a_fixed_shape() -> None:
    def doubled(x: Any) -> Any:
        return 2 * x.reshape(len(x), -1)

    layer = Custom(doubled, lambda grad, x: 2 * grad.reshape(x.shape), 6 * 6 * 4)
    network = cnnx.Model([cnnx.Conv2d(4, 3), layer, cnnx.Dense(2)], input_shape=SHAPE)
    assert network.layers[1].output_shape == (144,)
    with pytest.raises(ValueError, match=r"doubled returned an array of shape \(1, 100\)"):
        cnnx.Model([cnnx.Conv2d(4, 4), layer], input_shape=SHAPE)(images()[0])


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (rectified, rectified_backward),
        (np.sqrt, lambda grad, x: grad * np.where(x > 0, 0.5 / np.sqrt(np.maximum(x, 1e-9)), 0)),
        (lambda x: x.astype(np.float32) * 1000, lambda grad, x: 1000 * grad),
        (np.zeros_like, lambda grad, x: np.zeros_like(x)),
        (lambda x: np.abs(x).sum(axis=3, keepdims=True) + 0 * x, None),
    ],
    ids=["kinks", "undefined below 0", "float32", "constant", "sum"],
)
def test_right_gradients_pass_behind_a_relu(
    forward: Callable[..., Any], backward: Callable[..., Any] | None
) -> None:
    """Half of its inputs are zero."""

    def of_sum(grad: Any, x: Any) -> Any:
        return np.sign(x) * grad.sum(axis=3, keepdims=True)

    layer = Custom(forward, backward or of_sum, same_shape)
    trainer = cnnx.Trainer(model(cnnx.ReLU(), layer, cnnx.Clip(0, 1)))
    assert np.isfinite(trainer.step(images(), labels()))


def test_the_gradient_is_checked_once() -> None:
    calls = []

    def counted(grad_output: Any, x: Any) -> Any:
        calls.append(len(x))
        return squared_backward(grad_output, x)

    network = model(Custom(squared, counted, same_shape))
    trainer = cnnx.Trainer(network)
    trainer.step(images(), labels())
    assert len(calls) > 1
    calls.clear()
    trainer.step(images(), labels())
    cnnx.Trainer(network.clone()).step(images(), labels())
    assert calls == [COUNT, COUNT]


def test_exceptions_come_through_and_leave_the_model() -> None:
    class MineError(Exception):
        pass

    fails = False

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arrays: Any) -> Any:
            if fails:
                raise MineError("no more")
            return function(*arrays)

        return call

    for forward, backward in (
        (failing(squared), squared_backward),
        (squared, failing(squared_backward)),
    ):
        fails = False
        network = model(cnnx.BatchNorm2d(), Custom(forward, backward, same_shape))
        trainer = cnnx.Trainer(network)
        trainer.step(images(), labels())
        before = network.clone()
        fails = True
        with pytest.raises(MineError, match=r"^no more$"):
            trainer.step(images(), labels())
        with pytest.raises(MineError, match=r"^no more$"):
            trainer.fit(images(), labels(), epochs=1, batch_size=4)
        fails = False
        for arrays, kept in (
            (network.parameters, before.parameters),
            (network.buffers, before.buffers),
        ):
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, kept[name])
        np.testing.assert_array_equal(network(images()), before(images()))
        assert np.isfinite(trainer.step(images(), labels()))


def test_the_arrays_may_be_kept_and_changed() -> None:
    kept = []

    def changing(x: Any) -> Any:
        kept.append(x)
        x *= x
        return x

    def changing_backward(grad_output: Any, x: Any) -> Any:
        grad_output *= 2 * x
        x[:] = 7
        return grad_output

    networks = [model(), model(Custom(changing, changing_backward, same_shape))]
    trainers = [cnnx.Trainer(each) for each in networks]
    for _ in range(3):
        assert trainers[0].step(images(), labels()) == trainers[1].step(images(), labels())
    assert all(np.isfinite(each).all() for each in kept)


def test_threads_may_predict_while_another_trains() -> None:
    network = model(square(), relu())
    expected = network(images())
    trainer = cnnx.Trainer(network, optimizer=cnnx.SGD(0.0))
    failures: list[BaseException] = []

    def predict() -> None:
        try:
            for _ in range(30):
                np.testing.assert_array_equal(network(images()), expected)
                assert {network.temperature for _ in range(1000)} == {1}
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=predict) for _ in range(3)]
    for thread in threads:
        thread.start()
    trainer.fit(images(), labels(), epochs=30, batch_size=4)
    for thread in threads:
        thread.join()
    assert not failures


def test_copies_in_memory_have_the_functions() -> None:
    network = model()
    outputs = network(images())
    for each in (network.clone(), copy.copy(network), copy.deepcopy(network)):
        np.testing.assert_array_equal(each(images()), outputs)
    assert network.resized(8).layers[1].kind == "custom"
    for each in (
        network.with_classes(5),
        network.with_new_weights(seed=2),
        network.with_preprocessing(cnnx.Preprocessing(mean=0.5)),
        network.until("custom_1"),
        cnnx.Model(network.layers[:-1], input_shape=SHAPE),
    ):
        assert each(images()).shape[0] == COUNT
    pooled = cnnx.Model(
        [cnnx.Conv2d(4, 3), square(), cnnx.GlobalAvgPool2d(), cnnx.Dense(2)], input_shape=SHAPE
    )
    assert pooled.resized((12, 9)).layers[1].output_shape == (10, 7, 4)


def test_it_is_described() -> None:
    layer = square(name="mine", check_gradient=False)
    assert repr(layer) == (
        "Custom(squared, squared_backward, same_shape, check_gradient=False, name='mine')"
    )
    assert repr(Custom(squared, squared_backward, [2, 3])).endswith("squared_backward, (2, 3))")
    network = model(layer)
    assert "mine       custom   (6, 6, 4)" in network.summary()
    assert "Custom squared" in network.to_mermaid()
    assert repr(network.layers[1]) == "ModelLayer('mine', custom, (6, 6, 4))"
    assert network.layer_outputs(images(), ["mine"])["mine"].shape == (COUNT, 6, 6, 4)
    assert isinstance(network._repr_html_(), str)


REPLACED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (rectified, rectified_backward),
    "add": (added, added_backward),
}


def with_functions(network: cnnx.Model) -> cnnx.Model:
    """The network with functions for every ReLU, and for sums of two arrays that no layer fuses.

    The gradients of a fused sum are added in another order.
    """
    layers = []
    kinds = {each.name: each.kind for each in network.layers}
    for kind, settings, name, inputs, trainable, branches in every_layer(network._core):
        fuses = {kinds.get(each) for each in inputs} & {"conv2d", "batch_norm2d"}
        if kind == "relu" or (kind == "add" and len(inputs) == 2 and not fuses):
            layer = Custom(*REPLACED[kind], same_shape)
            kind, settings = layer.kind, layer.settings
        layers.append((kind, settings, name, inputs, trainable, branches))
    height, width, channels = network.input_shape
    core = built(layers, (height, width, channels), None, network.preprocessing, 0)
    for infos, read, write in (
        (core.parameter_infos, network._core.get_parameter, core.set_parameter),
        (core.buffer_infos, network._core.get_buffer, core.set_buffer),
    ):
        for name, _, _ in infos:
            write(name, read(name))
    return cnnx.Model._of(core)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs_with_functions(seed: int, restore_threads: None) -> None:
    network = RandomGraph(seed).model()
    same = with_functions(network)
    x = np.random.default_rng(seed).standard_normal((5, *random_graphs.SHAPE)).astype(np.float32)
    y = np.random.default_rng(seed).standard_normal((5, *network.output_shape))
    for threads in (1, 3):
        cnnx.set_num_threads(threads)
        assert_same_bits(same(x), network(x))
        grad_outputs = y.astype(np.float32)
        assert_same_bits(same.gradients(x, grad_outputs), network.gradients(x, grad_outputs))
    if not network.parameters:
        return
    trainers = [cnnx.Trainer(each, loss=cnnx.MSE(), seed=seed) for each in (network, same)]
    for _ in range(2):
        losses = [each.step(x, y) for each in trainers]
        assert losses[0] == losses[1]
    for name, array in network.parameters.items():
        assert_same_bits(same.parameters[name], array)


AT_THE_END = """
import threading, time
import cnnx, numpy as np

def slow(x):
    time.sleep(0.05)
    return x

layer = cnnx.layers.Custom(slow, lambda grad_output, x: grad_output, lambda shape: shape)
model = cnnx.Model([layer, cnnx.Flatten(), cnnx.Dense(2)], input_shape=(4, 4, 1))

def squared(outputs, targets):
    time.sleep(0.05)
    return ((outputs - targets) ** 2).mean(), 2 * (outputs - targets) / outputs.size

def train():
    other = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(4, 4, 1))
    trainer = cnnx.Trainer(other, loss=cnnx.losses.Custom(squared))
    trainer.fit(np.ones((8, 4, 4, 1)), np.ones(8), epochs=10000, verbose=False)

def predict():
    while True:
        model(np.zeros((1, 4, 4, 1)))

for work in (train, predict, predict):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print("end")
"""


@pytest.mark.beside
def test_daemon_threads_inside_functions_do_not_crash_at_the_end() -> None:
    for _ in range(3):
        assert run_python("-c", AT_THE_END) == "end"
