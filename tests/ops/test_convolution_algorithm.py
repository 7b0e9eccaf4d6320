"""The setting `algorithm` of convolutions, and the documented error of the method without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import assert_same_bits
from model_file_parts import read_parts
from samples import Float32Array, gaussians

pytestmark = pytest.mark.parity

IMAGE = (1, 12, 12, 16)
LARGE = 1e8


def images_and_weight(rng: np.random.Generator) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Images without and with a large pixel in row 6 and column 5, and weights."""
    x, weight = gaussians(rng, *IMAGE), gaussians(rng, 3, 3, 16, 16)
    changed = x.copy()
    changed[0, 6, 5, 3] = LARGE
    return x, changed, weight


def elsewhere(output: Float32Array) -> Float32Array:
    """Outputs of a 3x3 kernel with padding 1 that do not read the large pixel."""
    kept = output.copy()
    kept[:, 5:8, 4:7] = 0
    return kept


def models(weight: Float32Array) -> dict[str, cnnx.Model]:
    """A convolution alone, with a batch norm, ReLU and pooling, and a transposed one."""
    direct: Any = {"padding": 1, "algorithm": "direct", "name": "layer"}
    layers: dict[str, list[cnnx.Layer]] = {
        "alone": [cnnx.Conv2d(16, 3, **direct)],
        "fused": [cnnx.Conv2d(16, 3, **direct), cnnx.BatchNorm2d(), cnnx.ReLU()],
        "transposed": [cnnx.ConvTranspose2d(16, 3, **direct)],
    }
    made = {name: cnnx.Model(each, input_shape=IMAGE[1:]) for name, each in layers.items()}
    for model in made.values():
        model.parameters["layer.weight"] = weight
    return made


def test_direct_outputs_depend_on_their_windows_alone(rng: np.random.Generator) -> None:
    x, changed, weight = images_and_weight(rng)
    for function in (ops.conv2d, ops.conv_transpose2d):
        outputs = [function(each, weight, padding=1, algorithm="direct") for each in (x, changed)]
        assert_same_bits(elsewhere(outputs[0]), elsewhere(outputs[1]))
        assert (outputs[0] != outputs[1]).any()
        default = function(changed, weight, padding=1)
        assert (elsewhere(default) != elsewhere(outputs[1])).any(), "direct is no other method"


def test_direct_input_gradients_depend_on_their_windows_alone(rng: np.random.Generator) -> None:
    grad, changed, weight = images_and_weight(rng)
    for function in (ops.conv2d_backward, ops.conv_transpose2d_backward):
        found = [
            function(each, grad, weight, padding=1, algorithm="direct")[0]
            for each in (grad, changed)
        ]
        assert_same_bits(elsewhere(found[0]), elsewhere(found[1]))


@pytest.mark.filterwarnings("ignore::cnnx.Warning")  # floats far from 0 to 1
@pytest.mark.parametrize("name", ["alone", "fused", "transposed"])
def test_a_direct_layer_depends_on_its_windows_alone(name: str, rng: np.random.Generator) -> None:
    x, changed, weight = images_and_weight(rng)
    model = models(weight)[name]
    assert_same_bits(elsewhere(model(x)), elsewhere(model(changed)))


def test_a_direct_layer_trains_with_the_direct_gradients(rng: np.random.Generator) -> None:
    x, _, weight = images_and_weight(rng)
    target = gaussians(rng, *IMAGE)
    gradients = []
    for algorithm in ("auto", "direct"):
        layer = cnnx.Conv2d(16, 3, padding=1, algorithm=algorithm)  # type: ignore[arg-type]
        model = cnnx.Model([layer], input_shape=IMAGE[1:])
        model.parameters["conv2d_1.weight"] = weight
        trainer = cnnx.Trainer(model, loss=cnnx.MSE())
        trainer.compute_gradients(x, target)
        gradients.append(trainer.gradients.copy())
    assert (gradients[0] != gradients[1]).any()
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("channels", [16, 64])
def test_the_error_of_the_chosen_method_is_within_its_documented_bound(
    channels: int, rng: np.random.Generator
) -> None:
    """One large pixel, equal in all channels, and one tap per filter: roundings do not cancel."""
    x = np.zeros((40, 8, 8, channels), np.float32)
    for image in x:
        image[rng.integers(8), rng.integers(8)] = LARGE * rng.uniform(0.7, 1)
    taps = np.arange(9).reshape(3, 3, 1, 1) == rng.integers(9, size=32)
    filters = np.broadcast_to(taps * rng.uniform(0.5, 1, 32), (3, 3, channels, 32))
    weight = np.ascontiguousarray(filters, dtype=np.float32)
    error = abs(ops.conv2d(x, weight, padding=1) - reference.conv2d(x, weight, None, padding=1))
    scale = abs(x).max((1, 2, 3), keepdims=True) * weight.sum((0, 1, 2), dtype=np.float64)
    bound = 2.0**-21 * channels  # docstring of Conv2d
    assert bound / 8 < (error / scale).max() < bound


def test_the_default_is_not_in_a_file(tmp_path: Path) -> None:
    for algorithm in ("auto", "direct"):
        layer = cnnx.Conv2d(4, 3, algorithm=algorithm)  # type: ignore[arg-type]
        cnnx.Model([layer], input_shape=(5, 5, 1)).save(tmp_path / algorithm)
        text = read_parts(tmp_path / algorithm)[0]["__metadata__"]["cnnx.graph"]
        assert ("algorithm" in text) == (algorithm == "direct")
        cnnx.load(tmp_path / algorithm).save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / algorithm).read_bytes()


def test_an_unknown_algorithm_is_refused() -> None:
    unknown: Any = "fft"
    sentence = "algorithm is 'fft', expected 'auto' or 'direct'$"
    with pytest.raises(ValueError, match=f"^Conv2d: {sentence}"):
        cnnx.Conv2d(4, 3, algorithm=unknown)
    with pytest.raises(ValueError, match=f"^ConvTranspose2d: {sentence}"):
        cnnx.ConvTranspose2d(4, 3, algorithm=unknown)
    with pytest.raises(ValueError, match=f"^conv2d: {sentence}"):
        ops.conv2d(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)), algorithm=unknown)
    with pytest.raises(ValueError, match=f"^conv_transpose2d_backward: {sentence}"):
        ops.conv_transpose2d_backward(
            np.ones((1, 5, 5, 1)), np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)), algorithm=unknown
        )
