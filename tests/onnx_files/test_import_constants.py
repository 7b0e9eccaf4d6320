"""Constants that a graph joins or combines with activations: class tokens, positions, queries."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds, reference_output

Build = Callable[[OnnxModel], Any]

BATCH, CHANNELS, HEIGHT, WIDTH = 2, 6, 4, 5
PIXELS = HEIGHT * WIDTH


def transposed(m: OnnxModel, x: Any, *perm: int) -> Any:
    return m.node("Transpose", x, perm=list(perm))


def shape(m: OnnxModel, x: Any, *sizes: int) -> Any:
    return m.node("Reshape", x, m.constant(list(sizes)))


def tokens(m: OnnxModel) -> Any:
    """(batch, pixels, channels)."""
    return transposed(m, shape(m, "x", 0, CHANNELS, PIXELS), 0, 2, 1)


def repeated(m: OnnxModel, constant: Any, *sizes: int) -> Any:
    """Once for each image of the input, as `expand(x.shape[0], ...)` of PyTorch is exported."""
    count = m.node("Gather", m.node("Shape", "x"), m.constant([0]), axis=0)
    return m.node("Expand", constant, m.node("Concat", count, m.constant(list(sizes)), axis=0))


def of_each_image(m: OnnxModel, *sizes: int) -> str:
    """A constant as large as a batch, of which every image is the same."""
    return m.constant(np.stack([m.rng.standard_normal(sizes)] * BATCH))


def class_token(m: OnnxModel) -> Any:
    token = repeated(m, m.weight(1, 1, CHANNELS), 1, CHANNELS)
    joined = m.node("Concat", token, tokens(m), axis=1)
    joined = m.node("Add", joined, m.weight(1, 1 + PIXELS, CHANNELS))
    normed = m.node("LayerNormalization", joined, m.positive(CHANNELS), m.weight(CHANNELS))
    return m.node("Gather", normed, m.constant(np.int64(0)), axis=1)


def several_tokens(m: OnnxModel) -> Any:
    first, last = of_each_image(m, 1, CHANNELS), of_each_image(m, 3, CHANNELS)
    return m.node("Concat", first, tokens(m), last, axis=-2)


def coordinates(m: OnnxModel) -> Any:
    """CoordConv."""
    rows, columns = np.linspace(-1, 1, HEIGHT), np.linspace(-1, 1, WIDTH)
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"))[np.newaxis]
    joined = m.node("Concat", "x", repeated(m, m.constant(places), 2, HEIGHT, WIDTH), axis=1)
    return m.node("Conv", joined, m.weight(4, CHANNELS + 2, 3, 3))


def rows(m: OnnxModel) -> Any:
    return m.node("Concat", "x", of_each_image(m, CHANNELS, 3, WIDTH), axis=2)


def features(m: OnnxModel) -> Any:
    pooled = m.node("Flatten", m.node("GlobalAveragePool", "x"))
    return m.node("Concat", of_each_image(m, 3), pooled, axis=1)


def queries(m: OnnxModel) -> Any:
    """Learned queries of two heads that read the pixels."""
    keys = transposed(m, shape(m, tokens(m), 0, PIXELS, 2, 3), 0, 2, 3, 1)
    scores = m.node("MatMul", m.weight(1, 2, 7, 3), keys)
    values = transposed(m, keys, 0, 1, 3, 2)
    return m.node("MatMul", m.node("Softmax", scores, axis=-1), values)


def queries_of_every_head(m: OnnxModel) -> Any:
    """Without the axes of the batch and of the heads."""
    keys = transposed(m, shape(m, tokens(m), 0, PIXELS, 2, 3), 0, 2, 3, 1)
    return m.node("MatMul", m.weight(1, 7, 3), keys)


def values_of_every_image(m: OnnxModel) -> Any:
    return m.node("MatMul", shape(m, "x", 0, 2, 3, PIXELS), m.weight(2, PIXELS, 4))


def enlarged(operator: str, place: int) -> Build:
    """One number per channel of an image, combined with a constant of every pixel."""

    def build(m: OnnxModel) -> Any:
        pooled = m.node("GlobalAveragePool", "x")
        operands = [pooled]
        operands.insert(place, m.positive(CHANNELS, HEIGHT, WIDTH))
        return m.node(operator, *operands)

    return build


def enlarged_tokens(m: OnnxModel) -> Any:
    """A decoder that begins with one token, which every position changes."""
    pooled = m.node("Flatten", m.node("GlobalAveragePool", "x"))
    return m.node("Add", m.node("Unsqueeze", pooled, m.constant([1])), m.weight(9, CHANNELS))


def largest(m: OnnxModel) -> Any:
    return m.node("Max", m.weight(CHANNELS, 1, 1), "x", m.constant(-0.5), m.weight(HEIGHT, WIDTH))


def total(m: OnnxModel) -> Any:
    return m.node("Sum", "x", m.weight(CHANNELS, HEIGHT, WIDTH), "x")


def convolved_positions(m: OnnxModel) -> Any:
    """Positions that a convolution computes, as XCiT and EdgeNeXt have."""
    waves = m.constant(np.sin(np.arange(8 * PIXELS)).reshape(1, 8, HEIGHT, WIDTH))
    return m.node("Add", "x", m.node("Conv", waves, m.weight(CHANNELS, 8, 1, 1)))


def resized_positions(m: OnnxModel) -> Any:
    positions = m.node(
        *("Resize", m.weight(1, CHANNELS, 2, 5), "", m.constant(np.float32([1, 1, 2, 1]))),
        mode="linear",
    )
    return m.node("Mul", positions, "x")


def windows(m: OnnxModel) -> Any:
    """A token before each of two windows, which are joined with the batch."""
    x = transposed(m, shape(m, "x", 0, CHANNELS, 2, 2 * WIDTH), 0, 2, 3, 1)
    x = shape(m, x, -1, 2 * WIDTH, CHANNELS)
    own = m.rng.standard_normal((2, 1, CHANNELS))
    joined = m.node("Concat", m.constant(np.concatenate([own] * BATCH)), x, axis=1)
    return shape(m, joined, BATCH, 2, 1 + 2 * WIDTH, CHANNELS)


CASES: dict[str, Build] = {
    "class token": class_token,
    "convolved positions": convolved_positions,
    "coordinates": coordinates,
    "difference that enlarges": enlarged("Sub", 0),
    "difference that enlarges, reversed": enlarged("Sub", 1),
    "enlarged tokens": enlarged_tokens,
    "features": features,
    "largest": largest,
    "product that enlarges": enlarged("Mul", 0),
    "queries": queries,
    "queries of every head": queries_of_every_head,
    "quotient that enlarges": enlarged("Div", 0),
    "quotient that enlarges, reversed": enlarged("Div", 1),
    "resized positions": resized_positions,
    "rows": rows,
    "several tokens": several_tokens,
    "sum of three": total,
    "sum that enlarges": enlarged("Add", 1),
    "values of every image": values_of_every_image,
    "windows": windows,
}
every_case = pytest.mark.parametrize("name", CASES)


def model_of(build: Build, *, open_batch: bool = False) -> tuple[OnnxModel, Any]:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH, open_batch=open_batch)
    return m, build(m)


@every_case
def test_constants_become_trained_arrays(name: str) -> None:
    assert "parameter" in kinds(check(*model_of(CASES[name])))


ORDERS = list(itertools.permutations((1, 2, 3)))


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_constants_are_joined_in_any_order_of_axes(order: tuple[int, ...], axis: int) -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    sizes = [m.shape[each] for each in order]
    sizes[axis - 1] = 2
    moved = transposed(m, m.node("Conv", "x", m.weight(CHANNELS, CHANNELS, 1, 1)), 0, *order)
    joined = m.node("Concat", moved, of_each_image(m, *sizes), axis=axis)
    check(m, m.node("Concat", of_each_image(m, *sizes), joined, axis=axis))


def loaded(tmp_path: Path, build: Build) -> tuple[OnnxModel, Any, cnnx.Model]:
    m, output = model_of(build, open_batch=True)
    return m, output, cnnx.onnx.load(m.save(tmp_path / "model.onnx", output))


@pytest.mark.parametrize("name", ["class token", "coordinates", "queries"])
def test_files_and_other_batches(name: str, tmp_path: Path) -> None:
    m, output, model = loaded(tmp_path, CASES[name])
    pixels = np.concatenate([m.input(), m.input(), m.input()[:1]])
    is_channels_first = model.input_shape == pixels.shape[1:]
    x = pixels if is_channels_first else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    expected = reference_output(m.proto(output), pixels)
    np.testing.assert_allclose(
        np.sort(model(x).ravel()), np.sort(expected.ravel()), atol=1e-5 * np.abs(expected).max()
    )
    model.save(tmp_path / "model.cnnx")
    cnnx.onnx.save(model, tmp_path / "again.onnx")
    for again in (cnnx.load(tmp_path / "model.cnnx"), cnnx.onnx.load(tmp_path / "again.onnx")):
        assert again(x).tobytes() == model(x).tobytes()
        assert [layer.kind for layer in again.layers].count("parameter") == 1


def test_layers_of_cnnx_come_back(tmp_path: Path) -> None:
    image = cnnx.Input((HEIGHT, WIDTH, CHANNELS))
    maps = cnnx.Conv2d(3, 1)(image)
    positions = cnnx.Parameter((HEIGHT, WIDTH), 3, name="positions")(maps)
    features = cnnx.Flatten()(cnnx.Add()(maps, positions))
    token = cnnx.Flatten()(cnnx.Parameter(1, 7, name="token")(features))
    model = cnnx.Model.from_graph(image, cnnx.Dense(4)(cnnx.Concat()(features, token)))
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again._core.layers == model._core.layers
    for name, array in model.parameters.items():
        assert again.parameters[name].tobytes() == array.tobytes()


def test_an_imported_class_token_is_trained(tmp_path: Path) -> None:
    m, _, model = loaded(tmp_path, class_token)
    (token,) = (layer.name for layer in model.layers if layer.kind == "parameter")
    before = model.parameters[f"{token}.weight"].copy()
    x = np.ascontiguousarray(m.input().transpose(0, 2, 3, 1))
    cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, np.zeros((BATCH, CHANNELS)), epochs=1)
    assert np.all(model.parameters[f"{token}.weight"] != before)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda m: m.node("Concat", "x", m.weight(2, 3, 4, 5), axis=1), "differs between them"),
        (lambda m: m.node("Concat", "x", m.weight(3, 3, 4, 5), axis=1), "2 images with a constant"),
        (lambda m: m.node("Add", "x", m.weight(7, 1, 6, 4, 5)), "a constant of 5 axes"),
        (
            lambda m: m.node(
                "Concat", transposed(m, "x", 1, 0, 2, 3), m.weight(6, 2, 4, 5), axis=2
            ),
            "whose first axis is not the batch",
        ),
    ],
)
def test_what_no_layer_repeats_is_refused(build: Build, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        imported(*model_of(build))


def test_arrays_of_other_axes_are_malformed() -> None:
    m = OnnxModel(BATCH, CHANNELS, HEIGHT, WIDTH)
    with pytest.raises(cnnx.FormatError, match="joins arrays of different numbers of axes"):
        imported(m, m.node("Concat", "x", m.weight(3, 4, 5), axis=1))
