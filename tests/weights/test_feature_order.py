"""Weights of layers around flattened features, whose order in PyTorch is another one."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from weight_files import load, numbers


@pytest.mark.parametrize(
    "layer",
    [
        cnnx.GroupNorm(2),
        cnnx.LocalResponseNorm(3),
        cnnx.ChannelShuffle(2),
        cnnx.SliceChannels(0, 8),
    ],
    ids=lambda layer: layer.kind,
)
def test_flattened_features_by_position_are_refused(layer: cnnx.Layer, tmp_path: Path) -> None:
    arrays = {"fc.weight": numbers(3, 8), "gn.weight": numbers(8), "gn.bias": numbers(8)}
    flat = [cnnx.Flatten(), layer, cnnx.Dense(3, bias=False)]
    with pytest.raises(ValueError, match=rf"^load_into: {layer.kind}_1 .* flattened features by"):
        load(cnnx.Model(flat, input_shape=(2, 2, 2)), arrays, tmp_path)
    pooled = cnnx.Model([cnnx.GlobalAvgPool2d(), *flat[1:]], input_shape=(2, 2, 8))
    load(pooled, arrays, tmp_path, strict=False)


@pytest.mark.parametrize("beside", [False, True])
def test_an_image_of_features_is_that_of_pytorch(beside: bool, tmp_path: Path) -> None:
    """A decoder by PyTorch's Unflatten(1, (3, 2, 4)); a dense layer may read the features, too."""
    image = cnnx.Input((1, 1, 5))
    features = cnnx.LeakyReLU(0.1)(cnnx.Dense(24)(cnnx.Flatten()(image)))
    maps = cnnx.Flatten()(cnnx.Conv2d(2, 1, bias=False)(cnnx.Reshape((2, 4), 3)(features)))
    output = cnnx.Concat()(maps, cnnx.Dense(2, bias=False)(features)) if beside else maps
    model = cnnx.Model.from_graph(image, output)
    arrays = {
        "fc.weight": numbers(24, 5),
        "fc.bias": numbers(24),
        "conv.weight": numbers(2, 3, 1, 1),
        **({"other.weight": numbers(2, 24)} if beside else {}),
    }
    load(model, arrays, tmp_path)
    x = numbers(3, 5, seed=9)
    hidden = x @ arrays["fc.weight"].T + arrays["fc.bias"]
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    pixels = np.einsum(
        "nchw,oc->nhwo", hidden.reshape(3, 3, 2, 4), arrays["conv.weight"][..., 0, 0]
    )
    expected = [pixels.reshape(3, -1)]
    if beside:
        expected.append(hidden @ arrays["other.weight"].T)
    np.testing.assert_allclose(
        model(x.reshape(3, 1, 1, 5)), np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-5
    )


def test_an_image_of_features_that_are_an_output_is_refused(tmp_path: Path) -> None:
    arrays = {"fc.weight": numbers(12, 12), "fc.bias": numbers(12)}

    def image_of_features(size: int | tuple[int, int], channels: int) -> None:
        image = cnnx.Input((2, 2, 3))
        features = cnnx.Dense(12)(cnnx.Flatten()(image))
        maps = cnnx.Flatten()(cnnx.Reshape(size, channels)(features))
        output = cnnx.Concat()(features, maps)
        load(cnnx.Model.from_graph(image, output), arrays, tmp_path)

    with pytest.raises(ValueError, match=r"^load_into: reshape_1 .* cnnx\.onnx\.load\(file\)$"):
        image_of_features(2, 3)
    image_of_features(1, 12)
    image_of_features((3, 4), 1)


def test_image_of_features_that_were_that_image_is_loaded(tmp_path: Path) -> None:
    def image_of_image(size: int | tuple[int, int], channels: int) -> None:
        convolution = cnnx.Conv2d(3, 1, bias=False)
        layers = [cnnx.Flatten(), cnnx.ReLU(), cnnx.Reshape(size, channels), convolution]
        arrays = {"conv.weight": numbers(3, channels, 1, 1)}
        load(cnnx.Model(layers, input_shape=(2, 2, 3)), arrays, tmp_path)

    image_of_image(2, 3)
    image_of_image((1, 4), 3)  # in both orders the channels are the same maps
    with pytest.raises(ValueError, match=r"^load_into: reshape_1 "):
        image_of_image((3, 4), 1)
