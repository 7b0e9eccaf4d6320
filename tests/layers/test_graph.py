"""Networks that branch and meet again: gradients, bits, and their files."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
import reference
from comparison import assert_same_bits
from gradient_checks import (
    UNTOUCHED,
    check_gradients,
    frozen_layers,
    has_batch_norm,
    target_of,
    trainer_of,
)
from graph_networks import NETWORKS, build, images
from reference_network import FIRST_STEP, ReferenceNetwork

pytestmark = pytest.mark.parity

every_network = pytest.mark.parametrize("name", NETWORKS)


@every_network
@pytest.mark.parametrize("count", [1, 6])
def test_gradients(name: str, count: int) -> None:
    check_gradients(build(name), images(count), 3e-5)


@every_network
def test_the_reference_by_finite_differences(name: str) -> None:
    """The gradient of the loss along one direction per parameter."""
    model = build(name)
    x, y, rng = images(3), target_of(model, 3), np.random.default_rng(2)
    network = ReferenceNetwork(model)
    buffers = dict(network.buffers)
    gradients = network.gradients(x, lambda out: reference.mean_squared_error_backward(out, y))
    for parameter, value in list(network.parameters.items()):
        direction, step = rng.standard_normal(value.shape), 1e-6
        losses = []
        for sign in (1, -1):
            network.buffers = dict(buffers)
            network.parameters[parameter] = value + sign * step * direction
            losses.append(reference.mean_squared_error(network(x, FIRST_STEP), y))
        network.parameters[parameter] = value
        expected = np.sum(gradients[parameter] * direction)
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-8)


@every_network
def test_inference(name: str) -> None:
    model, x = build(name), images(5)
    network = ReferenceNetwork(model)
    outputs = network.outputs(x)
    layer_outputs = model.layer_outputs(x)
    assert [*layer_outputs] == [layer.name for layer in model.layers]
    for layer, actual in layer_outputs.items():
        np.testing.assert_allclose(actual, outputs[layer], rtol=2e-5, atol=2e-5, err_msg=layer)
    last = [*layer_outputs.values()][-1]
    if has_batch_norm(model):  # a batch norm after a convolution is folded into its weights
        np.testing.assert_allclose(model(x), last, rtol=2e-5, atol=2e-5)
    else:
        assert_same_bits(model(x), last)


@every_network
def test_an_image_alone_or_in_any_batch_on_any_threads(name: str, restore_threads: None) -> None:
    model, x = build(name), images(65)
    cnnx.set_num_threads(1)
    alone = np.stack([model(image) for image in x])
    for threads in (1, 2, 3, 8):
        cnnx.set_num_threads(threads)
        for count in (1, 7, 64, 65):
            assert_same_bits(model(x[:count]), alone[:count])
        assert_same_bits(model(x[1:]), alone[1:])


@every_network
def test_gradients_on_any_threads(name: str, restore_threads: None) -> None:
    for count in (1, 7, 64, 65):
        found = []
        for threads in (1, 2, 3, 8):
            cnnx.set_num_threads(threads)
            model = build(name)
            trainer = trainer_of(model)
            loss = trainer.compute_gradients(images(count), target_of(model, count))
            buffers = b"".join(value.tobytes() for value in model.buffers.values())
            found.append((loss, trainer.gradients.tobytes(), buffers))
        assert found == found[:1] * 4, f"batch {count}"


@every_network
def test_a_copy_and_a_file_are_the_same_model(name: str, tmp_path: Path) -> None:
    model = build(name)
    x, y = images(6), target_of(model, 6)
    trainer_of(model).step(x, y)
    model.save(tmp_path / "m.cnnx")
    for other in (model.clone(), cnnx.load(tmp_path / "m.cnnx")):
        assert other._core.layers == model._core.layers
        assert frozen_layers(other) == frozen_layers(model)
        for mine, others in ((model.parameters, other.parameters), (model.buffers, other.buffers)):
            assert [*mine] == [*others]
            for key, value in mine.items():
                assert_same_bits(others[key], value)
        assert_same_bits(other(x), model(x))
        mine_trainer, others_trainer = trainer_of(model.clone()), trainer_of(other)
        assert mine_trainer.step(x, y) == others_trainer.step(x, y)
        assert_same_bits(others_trainer.gradients, mine_trainer.gradients)
        assert_same_bits(other(x), mine_trainer.model(x))


@every_network
def test_frozen_layers_stay_as_they_are(name: str) -> None:
    """Weight decay would change them, and so would their earlier momentum."""
    model = build(name)
    x, y = images(6), target_of(model, 6)
    optimizer = cnnx.SGD(0.1, momentum=0.9, weight_decay=0.1)
    trainer = cnnx.Trainer(model, optimizer=optimizer, loss=cnnx.MSE())
    trainer.step(x, y)
    half = model.layers[: len(model.layers) // 2]
    for layer in half:
        layer.trainable = False
    before = {**model.parameters, **model.buffers}
    for _ in range(2):
        trainer.step(x, y)
    frozen = frozen_layers(model)
    assert {layer.name for layer in half} <= frozen
    for key, value in {**model.parameters, **model.buffers}.items():
        if key.rsplit(".", 1)[0] in frozen:
            assert_same_bits(value, before[key])
        else:
            assert not np.array_equal(value, before[key]), key


def test_a_layer_that_is_trained_again_starts_with_zero_gradients() -> None:
    model = build("residual, identity")
    x, y = images(6), target_of(model, 6)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
    trainer.step(x, y)
    for layer in model.layers:
        layer.trainable = False
    trainer.compute_gradients(x, y)
    assert (trainer.gradients == 0).all()
    for layer in model.layers:
        layer.trainable = True
    before = dict(model.parameters)
    trainer.apply_gradients()
    for key, value in model.parameters.items():
        assert_same_bits(value, before[key])
    trainer.step(x, y)
    assert not np.array_equal(model.parameters["conv2d_1.weight"], before["conv2d_1.weight"])


def backward_seconds(trainer: cnnx.Trainer, name: str) -> float:
    (found,) = (time for time in trainer.profile().layers if name in time.layers)
    return found.backward


def test_nothing_is_computed_below_the_first_trained_layer() -> None:
    model = build("frozen first layers")
    trainer = trainer_of(model)
    trainer.start_profile()
    trainer.step(images(6), target_of(model, 6))
    for name in ("conv2d_1", "batch_norm2d_1", "residual_1.conv2d_1", "residual_1.batch_norm2d_1"):
        assert backward_seconds(trainer, name) == 0, name
    assert backward_seconds(trainer, "conv2d_2") > 0
    for layer in model.layers:
        layer.trainable = True
    trainer.step(images(6), target_of(model, 6))
    assert backward_seconds(trainer, "conv2d_1") > 0


def test_a_model_that_is_wholly_frozen_computes_no_gradient() -> None:
    model = build("residual, identity")
    for layer in model.layers:
        layer.trainable = False
    before, trainer = model.clone(), trainer_of(model)
    trainer.gradients[...] = UNTOUCHED
    trainer.step(images(3), target_of(model, 3))
    assert (trainer.gradients == UNTOUCHED).all()
    assert_same_bits(model(images(3)), before(images(3)))
