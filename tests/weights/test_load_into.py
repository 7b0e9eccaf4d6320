"""load_into: conversion of every kind of layer, the rules of matching, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import weight_files as files
from cnnx.weights import load_into
from numpy.typing import NDArray
from weight_files import load, numbers

Floats = NDArray[np.float32]


def arrays_of(model: cnnx.Model) -> dict[str, Floats]:
    return {**model.parameters, **model.buffers}


def values(model: cnnx.Model) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays_of(model).items()}


# Conversion.


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolutions_keep_their_taps(groups: int, tmp_path: Path) -> None:
    layer = cnnx.Conv2d(8, (3, 2), groups=groups)
    model = cnnx.Model([layer], input_shape=(3, 2, 4))
    weight, bias = numbers(8, 4 // groups, 3, 2), numbers(8, seed=1)
    load(model, {"c.weight": weight, "c.bias": bias}, tmp_path)
    x = numbers(3, 2, 4, seed=2)
    inputs = x.reshape(3, 2, groups, -1)
    outputs = [
        (weight[o].transpose(1, 2, 0) * inputs[:, :, o * groups // 8]).sum() + bias[o]
        for o in range(8)
    ]
    np.testing.assert_allclose(model(x).ravel(), outputs, atol=1e-5)


def test_transposed_convolutions_keep_their_taps(tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.ConvTranspose2d(6, (2, 3), groups=2)], input_shape=(1, 1, 4))
    weight, bias = numbers(4, 3, 2, 3), numbers(6, seed=1)
    load(model, {"c.weight": weight, "c.bias": bias}, tmp_path)
    x = numbers(1, 1, 4, seed=2)
    parts = [
        np.einsum("i,iohw->hwo", x[0, 0, 2 * g : 2 * g + 2], weight[2 * g : 2 * g + 2])
        for g in range(2)
    ]
    np.testing.assert_allclose(model(x), np.concatenate(parts, axis=2) + bias, atol=1e-5)


def channels_first(x: Floats) -> Floats:
    return x.transpose(2, 0, 1).reshape(-1)


def test_dense_layers_read_flattened_maps_channels_first(tmp_path: Path) -> None:
    layers = [cnnx.Flatten(), cnnx.PReLU(), cnnx.Dropout(0.5), cnnx.Dense(5), cnnx.Dense(3)]
    model = cnnx.Model(layers, input_shape=(4, 3, 2))
    arrays = {
        "slopes.weight": numbers(24),
        "first.weight": numbers(5, 24, seed=1),
        "first.bias": numbers(5, seed=2),
        "second.weight": numbers(3, 5, seed=3),
        "second.bias": numbers(3, seed=4),
    }
    load(model, arrays, tmp_path)
    x = numbers(4, 3, 2, seed=5)
    features = channels_first(x)
    features = np.where(features < 0, arrays["slopes.weight"] * features, features)
    hidden = arrays["first.weight"] @ features + arrays["first.bias"]
    expected = arrays["second.weight"] @ hidden + arrays["second.bias"]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


def test_flattened_maps_may_be_concatenated_with_other_features(tmp_path: Path) -> None:
    image = cnnx.Input((2, 3, 2))
    both = cnnx.Concat()(cnnx.GlobalAvgPool2d()(image), cnnx.Flatten()(image))
    model = cnnx.Model.from_graph(image, cnnx.Dense(3, bias=False)(both))
    weight = numbers(3, 14)
    load(model, {"fc.weight": weight}, tmp_path)
    x = numbers(2, 3, 2, seed=1)
    features = np.concatenate([x.mean(axis=(0, 1)), channels_first(x)])
    np.testing.assert_allclose(model(x), weight @ features, rtol=1e-4, atol=1e-5)


def test_one_by_one_convolutions_and_dense_layers_are_interchangeable(tmp_path: Path) -> None:
    weight, x = numbers(3, 4), numbers(1, 1, 4, seed=1)
    for layers in ([cnnx.Conv2d(3, 1, bias=False)], [cnnx.Flatten(), cnnx.Dense(3, bias=False)]):
        model = cnnx.Model(layers, input_shape=(1, 1, 4))
        own = {f"{model.layers[-1].name}.weight": "w.weight"}
        for stored in (weight, weight[:, :, None, None]):
            load(model, {"w.weight": stored}, tmp_path, names=own)
            np.testing.assert_allclose(model(x).ravel(), weight @ x.ravel(), rtol=1e-4, atol=1e-5)


def test_positions_of_tokens_keep_their_order(tmp_path: Path) -> None:
    image = cnnx.Input((2, 2, 4))
    model = cnnx.Model.from_graph(image, cnnx.Parameter((1, 5), 6, name="positions")(image))
    stored = numbers(1, 5, 6)
    load(model, {"pos_embed": stored}, tmp_path, names={"positions.weight": "pos_embed"})
    np.testing.assert_array_equal(model.parameters["positions.weight"], stored)


def test_norms_scales_and_slopes_are_vectors(tmp_path: Path) -> None:
    layers = [
        *(cnnx.BatchNorm2d(), cnnx.GroupNorm(2), cnnx.LayerNorm(), cnnx.PReLU()),
        *(cnnx.BatchNorm2d(affine=False), cnnx.Scale2d(), cnnx.Scale2d(bias=False)),
    ]
    model = cnnx.Model(layers, input_shape=(2, 2, 4))
    vectors = [np.abs(numbers(4, seed=seed)) for seed in range(13)]
    arrays = {
        "bn.weight": vectors[0],
        "bn.bias": vectors[1],
        "bn.running_mean": vectors[2],
        "bn.running_var": vectors[3],
        "bn.num_batches_tracked": np.array(3, "<i8"),
        "gn.weight": vectors[4],
        "gn.bias": vectors[5],
        "ln.weight": vectors[6].reshape(4, 1, 1),
        "ln.bias": vectors[7].reshape(1, 4, 1, 1),
        "act.weight": np.array([0.5], np.float32),
        "last.running_mean": vectors[8],
        "last.running_var": vectors[9],
        "scale.weight": vectors[10],
        "scale.bias": vectors[11],
        "gamma": vectors[12].reshape(4, 1, 1),
    }
    report = load(model, arrays, tmp_path)
    assert report.unused == report.missing == []
    for name, stored in report.pairs.items():
        array = arrays_of(model)[name]
        np.testing.assert_array_equal(array, np.broadcast_to(arrays[stored].ravel(), 4))
    assert report.pairs["batch_norm2d_1.running_variance"] == "bn.running_var"
    assert report.pairs["layer_norm_1.bias"] == "ln.bias"


# Matching.


def residual() -> cnnx.Model:
    """A residual block whose shortcut the model computes first and PyTorch defines last."""
    block = cnnx.Residual(
        [cnnx.Conv2d(4, 1, bias=False), cnnx.ReLU(), cnnx.Conv2d(4, 1, bias=False)],
        shortcut=cnnx.Conv2d(4, 1, bias=False),
    )
    return cnnx.Model([block], input_shape=(2, 2, 4))


def test_layers_match_in_the_order_of_their_definition(tmp_path: Path) -> None:
    names = ("conv1", "conv2", "downsample")
    arrays = {f"{name}.weight": numbers(4, 4, 1, 1, seed=i) for i, name in enumerate(names)}
    report = load(residual(), arrays, tmp_path)
    assert report.rule == "kind, shape and order"
    assert report.pairs == {
        "residual_1.conv2d_2.weight": "conv1.weight",
        "residual_1.conv2d_3.weight": "conv2.weight",
        "residual_1.conv2d_1.weight": "downsample.weight",
    }


def test_layers_of_different_shapes_match_in_any_order(tmp_path: Path) -> None:
    layers = [cnnx.Conv2d(3, 1), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(1, 1, 4))
    arrays = {"fc.weight": numbers(2, 3), "fc.bias": numbers(2)}
    arrays |= {"a.weight": numbers(3, 4, 1, 1), "a.bias": numbers(3)}
    for sort in (False, True):
        assert load(model, arrays, tmp_path, sort=sort).pairs["dense_1.weight"] == "fc.weight"


def test_a_sorted_file_is_matched_by_numbers(tmp_path: Path) -> None:
    layers = [cnnx.Conv2d(4, 1, bias=False) for _ in range(12)]
    model = cnnx.Model(layers, input_shape=(2, 2, 4))
    arrays = {f"layer{i}.0.weight": numbers(4, 4, 1, 1, seed=i) for i in range(12)}
    report = load(model, arrays, tmp_path, sort=True)
    assert report.pairs == {f"conv2d_{i + 1}.weight": f"layer{i}.0.weight" for i in range(12)}


def test_a_sorted_file_without_numbers_is_refused(tmp_path: Path) -> None:
    model, before = residual(), values(residual())
    names = ("stem", "body", "head")
    arrays = {f"{name}.weight": numbers(4, 4, 1, 1, seed=i) for i, name in enumerate(names)}
    sentence = "^load_into: the file sorts its arrays by name, and body and head have the same"
    with pytest.raises(ValueError, match=sentence):
        load(model, arrays, tmp_path, sort=True)
    assert values(model) == before
    load(model, arrays, tmp_path)


def test_equal_names_match_whatever_the_order(tmp_path: Path) -> None:
    layers = [cnnx.Conv2d(4, 1, bias=False, name=name) for name in ("stem", "body", "head")]
    model = cnnx.Model(layers, input_shape=(2, 2, 4))
    arrays = {f"{name}.weight": numbers(4, 4, 1, 1) for name in ("head", "stem", "body")}
    for sort in (False, True):
        report = load(model, arrays, tmp_path, sort=sort)
        assert report.rule == "equal names"
        assert all(name == stored for name, stored in report.pairs.items())


def test_names_are_of_layers_or_of_arrays(tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Conv2d(4, 1), cnnx.Conv2d(4, 1)], input_shape=(2, 2, 4))
    arrays = {"b.weight": numbers(4, 4, 1, 1), "b.bias": numbers(4)}
    arrays |= {"kernel": numbers(4, 4, 1, 1, seed=1), "a.bias": numbers(4, seed=1)}
    names = {"conv2d_1": "b", "conv2d_2.weight": "kernel", "conv2d_2.bias": "a.bias"}
    report = load(model, arrays, tmp_path, names=names)
    assert [*report.pairs.values()] == ["b.weight", "b.bias", "kernel", "a.bias"]
    assert report.rule == "the given names"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"conv2d_3": "b"}, "names holds 'conv2d_3', which the model does not have, expected conv"),
        ({"conv2d_1": "bb.weight"}, "names holds 'bb.weight', which the file does not have"),
        ({"conv2d_1.weight": "b"}, "names holds 'b', which the file does not have, expected one o"),
        ({"conv2d_1.weight": "b.bias"}, r"b.bias in .* has shape \(4,\), expected \(4, 4, 1, 1\)"),
    ],
)
def test_names_of_nothing_are_refused(names: dict[str, str], sentence: str, tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Conv2d(4, 1), cnnx.Conv2d(4, 1)], input_shape=(2, 2, 4))
    for strict in (True, False):
        with pytest.raises(ValueError, match=f"^load_into: {sentence}"):
            load(
                model,
                {"b.weight": numbers(4, 4, 1, 1), "b.bias": numbers(4)},
                tmp_path,
                names=names,
                strict=strict,
            )


def test_wrong_types_are_refused(tmp_path: Path) -> None:
    model = residual()
    path = tmp_path / "weights"
    path.write_bytes(files.pth({"a.weight": numbers(4, 4, 1, 1)}))
    with pytest.raises(TypeError, match=r"^load_into: model is 'm', expected a cnnx\.Model"):
        load_into("m", path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^load_into: names is \['a'\], expected a mapping"):
        load_into(model, path, names=["a"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^load_into: names is {1: 'a'}, expected a mapping"):
        load_into(model, path, names={1: "a"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"^load_into: strict is 1, expected True or False"):
        load_into(model, path, strict=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^load_into: path is 3, expected a path"):
        load_into(model, 3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        load_into(model, tmp_path / "nothing")


# Completeness.


def two_layers(classes: int) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3), cnnx.GlobalAvgPool2d(), cnnx.Dense(classes)]
    return cnnx.Model(layers, input_shape=(4, 4, 3))


ARRAYS = {
    "conv.weight": numbers(4, 3, 3, 3),
    "conv.bias": numbers(4),
    "fc.weight": numbers(10, 4),
    "fc.bias": numbers(10),
}


def test_every_array_of_both_sides_has_to_be_used(tmp_path: Path) -> None:
    model = two_layers(5)
    before = values(model)
    sentence = (
        r"^load_into: by kind, shape and order, .*weights lacks dense_1.weight \(5, 4\), "
        r"dense_1.bias \(5,\) and the model lacks fc.weight \(10, 4\), fc.bias \(10,\), expected "
        r"a counterpart of each; give names=\{'conv2d_1': 'name in the file', ...\}, or load what "
        "fits with strict=False$"
    )
    with pytest.raises(ValueError, match=sentence):
        load(model, ARRAYS, tmp_path)
    assert values(model) == before


def test_an_error_names_the_first_arrays_and_counts_the_rest(tmp_path: Path) -> None:
    arrays = ARRAYS | {f"more{i}.weight": numbers(1) for i in range(9)}
    with pytest.raises(ValueError, match=r"more3.weight \(1,\) and 5 more, expected"):
        load(two_layers(10), arrays, tmp_path)


def test_a_state_dict_has_to_be_saved_first() -> None:
    arrays: Any = ARRAYS
    with pytest.raises(TypeError, match=r"^load_into: path is a mapping of .* torch\.save\("):
        cnnx.weights.load_into(two_layers(10), arrays)


def test_a_file_without_any_array_of_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^load_into: by kind, .* none fits: build the network of the file, or"
    ):
        load(two_layers(5), {"fc.weight": numbers(7)}, tmp_path, strict=False)


def test_without_strict_the_arrays_that_fit_are_loaded(tmp_path: Path) -> None:
    model = two_layers(5)
    before = values(model)
    report = load(model, ARRAYS, tmp_path, strict=False)
    assert report.pairs == {
        "conv2d_1.weight": "conv.weight",
        "conv2d_1.bias": "conv.bias",
    }
    assert report.missing == ["dense_1.weight", "dense_1.bias"]
    assert report.unused == ["fc.weight", "fc.bias"]
    changed = {name for name, array in values(model).items() if before[name] != array}
    assert changed == set(report.pairs)
    assert str(report).splitlines() == [
        "model            shape         file         shape",
        "conv2d_1.weight  (3, 3, 3, 4)  conv.weight  (4, 3, 3, 3)",
        "conv2d_1.bias    (4,)          conv.bias    (4,)",
        "kept: dense_1.weight",
        "kept: dense_1.bias",
        "unused: fc.weight",
        "unused: fc.bias",
        "2 arrays by kind, shape and order",
    ]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite_in_float32_are_refused(wrong: float, tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(1, 1, 3))
    before = values(model)
    weight = np.ones((2, 3))
    weight[1, 2] = wrong
    with pytest.raises(cnnx.FormatError, match=r"weights: fc\.weight holds NaN, or a number"):
        load(model, {"fc.weight": weight, "fc.bias": np.zeros(2)}, tmp_path)
    assert values(model) == before
