"""ConvTranspose2d as a layer: weights, refusals, a model that trains, saves and loads."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import ops
from comparison import assert_same_bits


def autoencoder() -> cnnx.Model:
    layers = [
        cnnx.Conv2d(8, 3, stride=2, padding=1),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(8, 4, stride=2, padding=1, bias=False),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(1, 3, padding="same"),
    ]
    return cnnx.Model(layers, input_shape=(12, 10, 1), seed=1)


def images(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:12, :10]
    centres = rng.uniform(3, 8, (count, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return np.where(squares < 6, 1, 0).astype(np.float32)[..., np.newaxis]


def test_a_recipe_keeps_its_settings_in_one_form() -> None:
    layer = cnnx.ConvTranspose2d(8, (3, 5), stride=3, padding=((1, 2), (3, 4)), output_padding=1)
    assert layer.settings == {
        "out_channels": 8,
        "kernel_size": [3, 5],
        "stride": [3, 3],
        "padding": [1, 2, 3, 4],
        "output_padding": [1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "bias": True,
        "algorithm": "auto",
    }
    again = eval(repr(layer), vars(cnnx))
    assert again.settings == layer.settings


def test_the_weight_is_drawn_for_the_inputs_of_its_group_and_all_taps() -> None:
    layer = cnnx.ConvTranspose2d(40, 4, groups=2)
    model = cnnx.Model([layer], input_shape=(3, 3, 60), seed=2)
    weight = model.parameters["conv_transpose2d_1.weight"]
    assert weight.shape == (4, 4, 20, 60)
    limit = np.sqrt(6 / (4 * 4 * 30))
    assert 0.99 * limit < abs(weight).max() <= limit
    assert not model.parameters["conv_transpose2d_1.bias"].any()


def test_a_model_is_its_ops_and_trains() -> None:
    model, x = autoencoder(), images(32)
    shapes = {name: each.shape[1:] for name, each in model.layer_outputs(x[:1]).items()}
    assert shapes["conv_transpose2d_1"] == (12, 10, 8)
    assert model.output_shape == (12, 10, 1)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(0.02), loss=cnnx.MSE())
    losses = [trainer.step(x, x) for _ in range(60)]
    assert losses[-1] < 0.25 * losses[0]
    outputs = model.layer_outputs(x)
    parameters = model.parameters
    expected = ops.conv_transpose2d(
        outputs["relu_1"], parameters["conv_transpose2d_1.weight"], stride=2, padding=1
    )
    assert_same_bits(outputs["conv_transpose2d_1"], expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_batch_norm_becomes_part_of_it(groups: int) -> None:
    layers = [
        cnnx.ConvTranspose2d(12, 4, stride=2, padding=1, groups=groups),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
    ]
    model = cnnx.Model(layers, input_shape=(5, 4, 6), seed=1)
    rng = np.random.default_rng(4)
    for name in model.parameters:
        shape = model.parameters[name].shape
        model.parameters[name] = rng.standard_normal(shape).astype(np.float32)
    x = rng.standard_normal((16, 5, 4, 6)).astype(np.float32)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.01), loss=cnnx.MSE())
    trainer.step(x, np.zeros_like(model(x)))
    expected = [*model.layer_outputs(x).values()][-1]
    np.testing.assert_allclose(model(x), expected, rtol=0, atol=1e-5 * abs(expected).max())
    assert (model(x) != expected).any(), "nothing was folded"


def test_a_saved_model_gives_the_same_bits(tmp_path: Path) -> None:
    model, x = autoencoder(), images(8)
    cnnx.Trainer(model, loss=cnnx.MSE()).step(x, x)
    model.save(tmp_path / "autoencoder.cnnx")
    again = cnnx.load(tmp_path / "autoencoder.cnnx")
    assert [layer.kind for layer in again.layers] == [layer.kind for layer in model.layers]
    assert_same_bits(again(x), model(x))


def test_refusals() -> None:
    with pytest.raises(TypeError, match="the model infers in_channels"):
        cnnx.ConvTranspose2d(3, 32, 3)
    with pytest.raises(TypeError, match="ConvTranspose2d: output_padding is '1', expected an int"):
        cnnx.ConvTranspose2d(3, 3, output_padding="1")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError,
        match=r"conv_transpose2d: output_padding is \(2, 2\), expected less than the larger of "
        r"stride and dilation, \(2, 2\)",
    ):
        cnnx.ConvTranspose2d(3, 3, stride=2, output_padding=2)
    with pytest.raises(
        ValueError,
        match=r"conv_transpose2d.*: groups is 2, expected a divisor of in_channels = 3 and of "
        "out_channels = 4",
    ):
        cnnx.Model([cnnx.ConvTranspose2d(4, 3, groups=2)], input_shape=(8, 8, 3))
