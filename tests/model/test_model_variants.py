"""Copies of a model for other classes and of its first layers, and layers frozen by a pattern."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from model_file_parts import make_graph_model, make_model
from numpy.testing import assert_array_equal

RNG = np.random.default_rng(4)
IMAGES = RNG.random((5, 8, 8, 3), dtype=np.float32)


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in {**model.parameters, **model.buffers}.items()}


def of(*layers: Any, **settings: Any) -> cnnx.Model:
    return cnnx.Model(list(layers), input_shape=(8, 8, 3), **settings)


def end_in_dense() -> list[Any]:
    return [cnnx.Conv2d(4, 3), cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(3, name="end")]


def end_in_conv() -> list[Any]:
    return [cnnx.Conv2d(4, 3), cnnx.Conv2d(3, 1, name="end"), cnnx.ReLU(), cnnx.GlobalAvgPool2d()]


ENDS = pytest.mark.parametrize("layers", [end_in_dense, end_in_conv])
LAST = [cnnx.Softmax, cnnx.LogSoftmax, cnnx.Sigmoid]


@ENDS
def test_other_classes_get_a_new_last_layer(layers: Any) -> None:
    how = cnnx.Preprocessing("crop", 0.5, (0.1, 0.2, 0.3))
    model = of(*layers(), classes=["a", "b", "c"], preprocessing=how)
    before = arrays(model)
    copy = model.with_classes(["p", "q", "r", "s"], seed=7)
    assert (copy.classes, copy.output_shape) == (["p", "q", "r", "s"], (4,))
    assert copy.preprocessing == model.preprocessing != cnnx.Preprocessing()
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    after = arrays(copy)
    assert list(after) == list(before)
    assert {n for n in after if after[n] != before[n]} == {"end.weight", "end.bias"}
    assert arrays(model) == before
    assert copy.predict(IMAGES).shape == (5,)


@ENDS
def test_new_weights_are_none_that_a_layer_began_with(layers: Any) -> None:
    model = of(*layers())
    second = model.with_classes(3)
    third = second.with_classes(3)
    assert len({arrays(each)["end.weight"] for each in (model, second, third)}) == 3
    assert arrays(second) == arrays(of(*layers()).with_classes(3))


@ENDS
def test_new_weights_depend_on_the_seed(layers: Any) -> None:
    model = of(*layers())
    first, again, other = (arrays(model.with_classes(3, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"end.weight"}
    assert model.with_classes(3).classes is None


def test_a_copy_with_new_weights_is_a_new_model_of_the_same_seed() -> None:
    how = cnnx.Preprocessing("crop", 0.5, 0.2)
    names = ["a", "b", "c"]
    model = of(*end_in_dense(), classes=names, preprocessing=how, seed=3)
    model.freeze("conv*")
    first = arrays(model)
    cnnx.Trainer(model).step(IMAGES, [0, 1, 0, 1, 0])
    trained = arrays(model)
    copy = model.with_new_weights(seed=3)
    assert arrays(copy) == first != trained == arrays(model)
    assert (copy.classes, copy.preprocessing) == (names, model.preprocessing)
    assert [layer.trainable for layer in copy.layers] == [False, True, True, True]
    assert arrays(model.with_new_weights()) == arrays(of(*end_in_dense())) != first
    with pytest.raises(ValueError, match=r"seed is -1"):
        model.with_new_weights(seed=-1)


@pytest.mark.parametrize("last", LAST)
@ENDS
def test_probabilities_at_the_end_are_left_out(layers: Any, last: Any) -> None:
    copy = of(*layers(), last()).with_classes(["p", "q"])
    assert [layer.kind for layer in copy.layers] == [layer.kind for layer in of(*layers()).layers]
    assert np.isfinite(cnnx.Trainer(copy).step(IMAGES, [0, 1, 0, 1, 0]))
    assert_array_equal(copy.predict_proba(IMAGES).sum(axis=1).round(5), np.ones(5))


def test_frozen_layers_stay_frozen_and_the_new_one_is_trained() -> None:
    model = of(*end_in_dense())
    assert model.freeze("*") == ["conv2d_1", "batch_norm2d_1", "end"]
    copy = model.with_classes(2)
    frozen = [layer.name for layer in copy.layers if not layer.trainable]
    assert frozen == ["conv2d_1", "batch_norm2d_1"]
    kept = arrays(copy)
    cnnx.Trainer(copy).step(IMAGES, [0, 1, 0, 1, 0])
    changed = {name for name, each in arrays(copy).items() if each != kept[name]}
    assert changed == {"end.weight", "end.bias"}


def test_a_model_of_values_becomes_a_classifier() -> None:
    model = of(cnnx.Flatten(), cnnx.Dense(1))
    cnnx.Trainer(model, loss=cnnx.MSE()).step(IMAGES, np.ones(5))
    copy = model.with_classes(["p", "q"])
    assert set(copy.predict(IMAGES)) <= {"p", "q"}


def a_unet() -> cnnx.Model:
    return cnnx.models.unet((16, 8, 3), ["a", "b"], depth=2, width=4)


@pytest.mark.parametrize(
    ("build", "new"),
    [
        (a_unet, {"conv2d_11"}),
        (lambda: cnnx.models.resnet18_fcn((32, 32, 3), 5), {"conv2d_2", "conv2d_3", "conv2d_4"}),
    ],
    ids=["unet", "resnet18_fcn"],
)
def test_a_model_of_positions_gets_other_classes(build: Any, new: set[str]) -> None:
    model = build()
    copy = model.with_classes(["p", "q", "r"], seed=7)
    assert copy.task == "segmentation"
    assert copy.output_shape == (*model.output_shape[:2], 3)
    before, after = arrays(model), arrays(copy)
    changed = {name.rpartition(".")[0] for name in after if after[name] != before[name]}
    assert changed == new
    again = arrays(model.with_classes(["p", "q", "r"], seed=7))
    assert again == after
    x = np.random.default_rng(0).random((2, *model.input_shape), np.float32)
    assert set(np.unique(copy.predict(x))) <= {"p", "q", "r"}


two = ["p", "q"]
REFUSALS = [
    (
        lambda: of(cnnx.Conv2d(4, 3), cnnx.GlobalAvgPool2d()).with_classes(two),
        r"^with_classes: the last layer with parameters, conv2d_1, is a 3x3 convolution, expected "
        r"Dense or a 1x1 Conv2d; build the network from its layers: cnnx\.Model\(",
    ),
    (
        lambda: of(cnnx.Conv2d(6, 1, groups=3), cnnx.GlobalAvgPool2d()).with_classes(two),
        "conv2d_1, is a 1x1 convolution in 3 groups, expected Dense or",
    ),
    (
        lambda: of(cnnx.Flatten(), cnnx.Dense(2), cnnx.PReLU()).with_classes(two),
        "prelu_1, is prelu, expected Dense",
    ),
    (lambda: of(cnnx.Flatten()).with_classes(two), "the model has no parameters, expected a Dense"),
    (
        lambda: of(cnnx.Conv2d(4, 1), cnnx.Flatten()).with_classes(2),
        r"with 2 outputs of conv2d_1 the model's output has shape \(128,\), expected \(2,\): pool",
    ),
    (
        lambda: of(cnnx.Conv2d(4, 1), cnnx.Flatten()).with_classes(two),
        r"classes has 2 names, but the last layer's output has shape \(128,\)",
    ),
    (
        lambda: of(
            cnnx.Parallel([[cnnx.Conv2d(2, 1)], [cnnx.ReLU()]]), cnnx.GlobalAvgPool2d()
        ).with_classes(two),
        r"^with_classes: parallel_1\.relu_1 after the last layer with parameters reads input, "
        r"expected parallel_1\.conv2d_1 alone",
    ),
    (
        lambda: of(
            cnnx.Parallel([[cnnx.Conv2d(2, 1)], [cnnx.Conv2d(3, 1)]]), cnnx.GlobalAvgPool2d()
        ).with_classes(two),
        r"^with_classes: .* after the last layer with parameters reads parallel_1\.conv2d_1 and ",
    ),
    (
        lambda: of(
            cnnx.Residual([cnnx.Conv2d(3, 1, name="end")], shortcut=[cnnx.BatchNorm2d()])
        ).with_classes(two),
        r"^with_classes: .* after the last layer with parameters reads .*, expected .* alone",
    ),
    (lambda: make_model().with_classes("pq"), r"with_classes: classes is 'pq', expected a number"),
    (lambda: make_model().with_classes(0), "with_classes: classes is 0, expected at least one"),
    (
        lambda: make_model().with_classes(2**40),
        "with_classes: classes is 1099511627776, expected at most 16777216",
    ),
    (lambda: make_model().with_classes(["p", 1]), r"classes is \['p', 1\], expected a list of "),
    (lambda: make_model().until("conv"), "until: has no layer 'conv', expected "),
    (lambda: make_graph_model().until("steam"), "until: has no layer 'steam', expected stem"),
    (lambda: make_model().until(3), "until: layer is 3, expected the name of a layer, such as '"),
    (lambda: make_model().until(["relu_1"]), r"until: layer is \['relu_1'\], expected the name"),
    (lambda: make_model().until("a", "b"), "after layer, expected nothing there$"),
    (lambda: make_model().freeze(3), "freeze: pattern is 3, expected text"),
    (
        lambda: cnnx.models.lenet5().freeze("dens_1"),
        "freeze: pattern 'dens_1' matches no layer with parameters, expected one such as dense_1",
    ),
    (
        lambda: cnnx.models.lenet5().unfreeze("relu*"),
        "unfreeze: pattern 'relu\\*' matches no layer with parameters, expected one such as conv2d",
    ),
    (lambda: of(cnnx.Flatten()).freeze("*"), "matches no layer with parameters, expected a model"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSALS)
def test_refusals(call: Any, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [make_model, make_graph_model, cnnx.models.resnet20])
def test_features_of_every_layer(make: Any) -> None:
    model = make()
    shape = model.input_shape
    x = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    outputs = model.layer_outputs(x)
    for layer in model.layers[:: max(1, len(model.layers) // 12)]:
        features = model.until(layer.name)
        assert (features.preprocessing, features.classes) == (model.preprocessing, None)
        assert features.layers[-1].name == layer.name
        own = features.layer_outputs(x)
        assert_array_equal(own[layer.name], outputs[layer.name])
        # Only layers that the last one depends on.
        read = {name for each in features._core.layers for name in each[3]} - {"input"}
        assert read == set(own) - {layer.name}


def test_one_of_several_outputs_keeps_its_task() -> None:
    image = cnnx.Input((6, 6, 1))
    pooled = cnnx.GlobalAvgPool2d()(cnnx.Conv2d(4, 3)(image))
    outputs = {"tags": cnnx.Dense(2, name="marks")(pooled), "size": cnnx.Dense(1)(pooled)}
    model = cnnx.Model.from_graph(image, outputs)
    losses = {"tags": cnnx.BinaryCrossEntropy(), "size": cnnx.MSE()}
    rng = np.random.default_rng(0)
    x, y = rng.random((8, 6, 6, 1)), {"tags": rng.integers(2, size=(8, 2)), "size": rng.random(8)}
    cnnx.Trainer(model, loss=losses).fit(x, y, epochs=1)
    predictions = model.predict(x)
    for name, task in (("tags", "multi_label"), ("size", "regression")):
        one = model.until(name)
        assert one.task == task
        assert_array_equal(one.predict(x), predictions[name])
    assert_array_equal(model.until("marks").predict(x), predictions["tags"])
    assert one.until(one.layers[-1].name).task == "regression"


def test_features_have_the_frozen_layers_and_memory_of_their_own() -> None:
    model = of(*end_in_dense())
    model.freeze("conv*")
    features = model.until("batch_norm2d_1")
    assert [layer.trainable for layer in features.layers] == [False, True]
    features.parameters["conv2d_1.bias"] = np.ones(4)
    assert not model.parameters["conv2d_1.bias"].any()


def test_patterns_freeze_and_unfreeze() -> None:
    model = cnnx.models.resnet20((8, 8, 3), 4)
    every = [layer.name for layer in model.layers if layer.parameter_count]
    assert model.freeze("*") == every
    assert model.freeze("*") == []
    assert model.unfreeze("dense_?") == ["dense_1"]
    blocks = model.unfreeze("residual_[12].*conv*")
    assert blocks == [name for name in every if name[:10] in ("residual_1", "residual_2")][::2]
    assert [layer.name for layer in model.layers if layer.trainable and layer.parameter_count] == [
        *blocks,
        "dense_1",
    ]


def test_layers_with_statistics_alone_are_frozen_too() -> None:
    model = of(cnnx.BatchNorm2d(affine=False), cnnx.Flatten(), cnnx.Dense(2))
    assert model.freeze("batch*") == ["batch_norm2d_1"]
    before = model.buffers["batch_norm2d_1.running_mean"]
    cnnx.Trainer(model).step(IMAGES, [0, 1, 0, 1, 0])
    assert_array_equal(model.buffers["batch_norm2d_1.running_mean"], before)
