"""cnnx.explain: what it must find in images with a known cause, and the formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import explain
from comparison import assert_same_bits
from planted_patch import SIZE, network, planted, trained
from reference_network import ReferenceNetwork

EVERY: dict[str, Callable[..., Any]] = {
    name: getattr(explain, name) for name in explain.__all__ if name != "walkthrough"
}
OF_CLASSES = {name: function for name, function in EVERY.items() if name != "feature_maps"}
QUICK = {
    "occlusion": {"patch": 8},
    "smooth_grad": {"samples": 3},
    "integrated_gradients": {"steps": 4},
}


def small() -> cnnx.Model:
    layers = [
        *(cnnx.Conv2d(6, 3), cnnx.ReLU(), cnnx.MaxPool2d(2)),
        *(cnnx.Conv2d(5, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(4)),
    ]
    preprocessing = cnnx.Preprocessing(mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 0.5))
    return cnnx.Model(layers, input_shape=(12, 14, 3), preprocessing=preprocessing)


def enlarged(values: Any) -> Any:
    given = values[np.newaxis, :, :, np.newaxis]
    return cnnx.ops.upsample2d(given, size=(12, 14), mode="bilinear")[0, :, :, 0]


def pixels(count: int) -> Any:
    return np.random.default_rng(4).random((count, 12, 14, 3), np.float32)


def test_maps_of_one_cell_are_not_the_last_ones() -> None:
    layers = [cnnx.Conv2d(6, 3), cnnx.AvgPool2d((10, 12)), cnnx.Conv2d(4, 1), cnnx.Flatten()]
    model = cnnx.Model(layers, input_shape=(12, 14, 3))
    x = pixels(2)
    assert_same_bits(explain.grad_cam(model, x), explain.grad_cam(model, x, layer="conv2d_1"))


def test_the_predicted_class_of_a_network_that_ends_in_a_sigmoid() -> None:
    """Its output is a probability, whose middle is 1/2."""
    layers = [cnnx.Flatten(), cnnx.Dense(1), cnnx.Sigmoid()]
    model = cnnx.Model(layers, input_shape=(12, 14, 3), seed=2)
    x = pixels(8)
    scores = model.layer_outputs(x)["dense_1"]
    model.parameters["dense_1.bias"] = -scores.mean(axis=0)
    assert set(model.predict(x)) == {0, 1}
    assert_same_bits(
        explain.occlusion(model, x), explain.occlusion(model, x, classes=model.predict(x))
    )


# Images with a known cause.


@pytest.mark.parametrize("name", ["grad_cam", "hires_cam", "score_cam", "occlusion"])
def test_the_largest_element_lies_in_the_patch_that_decides(name: str) -> None:
    samples = planted(100, 1)
    assert (trained()(samples.images).argmax(axis=1) == samples.labels).all()
    assert samples.hits(EVERY[name](trained(), samples.images)) >= 95


def test_integrated_gradients_add_up_to_the_difference_of_outputs() -> None:
    """Within 1 %, from black, grey and the neutral pixel."""
    model, samples = trained(), planted(100, 1)
    rows = np.arange(100)
    for baseline in (None, 0.0, 0.5):
        maps = explain.integrated_gradients(model, samples.images, baseline=baseline)
        start = np.full((1, SIZE, SIZE, 1), baseline or 0.0)
        outputs = model(samples.images)
        difference = outputs - model(start)
        chosen = difference[rows, outputs.argmax(axis=1)]
        error = np.abs(maps.sum(axis=(1, 2)) - chosen)
        assert (error <= 0.01 * np.abs(chosen)).all()


def test_saliency_depends_on_the_weights() -> None:
    """Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim: Sanity checks for saliency maps, 2018."""
    images = planted(50, 1).images
    first = explain.saliency(trained(), images, classes=1).reshape(50, -1)
    second = explain.saliency(network(9), images, classes=1).reshape(50, -1)
    ranks = [each.argsort(axis=1).argsort(axis=1) for each in (first, second)]
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(*ranks, strict=True)]
    assert abs(np.mean(correlations)) < 0.3


# Formulas.


@pytest.mark.parametrize(("name", "pooled"), [("grad_cam", True), ("hires_cam", False)])
def test_weighted_maps_are_those_of_the_reference(name: str, pooled: bool) -> None:
    model, x = small(), pixels(3)
    normalised = (x - np.array([0.2, 0.4, 0.6])) / np.array([0.5, 0.25, 0.5])
    network = ReferenceNetwork(model)
    gradient = network.output_gradients(normalised, np.eye(4)[[2, 2, 2]])["relu_1"]
    if pooled:
        gradient = gradient.mean(axis=(1, 2), keepdims=True)
    maps = np.maximum((gradient * network.outputs(normalised)["relu_1"]).sum(axis=-1), 0)
    expected = np.stack([enlarged(each) for each in maps])
    found = EVERY[name](model, x, classes=2, layer="relu_1")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert (found > 0).any()


def test_grad_cam_is_hires_cam_before_a_global_pooling() -> None:
    images = planted(5, 1).images
    np.testing.assert_allclose(
        explain.grad_cam(trained(), images),
        explain.hires_cam(trained(), images),
        rtol=1e-4,
        atol=1e-6,
    )


def test_saliency_is_the_largest_gradient_over_the_channels() -> None:
    model, x = small(), pixels(2)
    gradient = model.gradients(x, np.eye(4)[[1, 3]])
    assert_same_bits(explain.saliency(model, x, classes=[1, 3]), np.abs(gradient).max(axis=-1))
    integers = (x * 255).astype(np.uint8)
    np.testing.assert_allclose(
        explain.saliency(model, integers, classes=[1, 3]),
        255 * np.abs(model.gradients(integers, np.eye(4)[[1, 3]])).max(axis=-1),
        rtol=1e-3,
        atol=1e-5,
    )


def test_smooth_grad_without_noise_is_saliency() -> None:
    model, x = small(), pixels(2)
    np.testing.assert_allclose(
        explain.smooth_grad(model, x, noise=0, samples=3), explain.saliency(model, x), rtol=1e-6
    )
    noisy = [explain.smooth_grad(model, x, samples=3, seed=seed) for seed in (0, 0, 1)]
    assert_same_bits(noisy[0], noisy[1])
    assert (noisy[0] != noisy[2]).any()


def test_integrated_gradients_of_a_linear_network_are_exact() -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(3, 4, 2))
    x = np.random.default_rng(3).random((2, 3, 4, 2), np.float32)
    weights = model.parameters["dense_1.weight"][:, 1].reshape(3, 4, 2)
    found = explain.integrated_gradients(model, x, classes=1, baseline=[0.25, 0.5], steps=1)
    expected = ((x - np.array([0.25, 0.5])) * weights).sum(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_occlusion_of_a_linear_network_is_the_mean_over_the_patches() -> None:
    """Patches of 2x2 at the corners and in the middle of five pixels, as the stride says."""
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(5, 4, 1))
    x = np.random.default_rng(3).random((2, 5, 4, 1), np.float32)
    weights = model.parameters["dense_1.weight"][:, 0].reshape(5, 4)
    contributions = (x[..., 0] - 0.5) * weights
    falls, covers = np.zeros((2, 5, 4)), np.zeros((5, 4))
    for top in (0, 2, 3):
        for left in (0, 2):
            area = np.s_[top : top + 2, left : left + 2]
            covers[area] += 1
            for fall, own in zip(falls, contributions, strict=True):
                fall[area] += own[area].sum()
    found = explain.occlusion(model, x, classes=0, patch=2, stride=2, fill=0.5)
    np.testing.assert_allclose(found, falls / covers, rtol=1e-4, atol=1e-5)


def test_score_cam_weighs_maps_by_the_outputs_of_masked_images() -> None:
    model, x = small(), pixels(2)
    maps = model.layer_outputs(x, ["relu_2"])["relu_2"]
    neutral = np.array([0.2, 0.4, 0.6])
    expected = np.empty((2, 12, 14))
    for image in range(2):
        scores = []
        for k in range(5):
            own = maps[image, :, :, k]
            mask = (own - own.min()) / max(own.max() - own.min(), 1e-30)
            mask = enlarged(mask)[..., np.newaxis]
            scores.append(model((neutral + mask * (x[image] - neutral)).astype(np.float32))[3])
        weights = np.exp(scores) / np.exp(scores).sum()
        total = np.maximum((maps[image] * weights).sum(axis=-1), 0)
        expected[image] = enlarged(total)
    found = explain.score_cam(model, x, classes=3, layer="relu_2")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_feature_maps_are_tiled_and_scaled() -> None:
    model, x = small(), pixels(2)
    tiles = explain.feature_maps(model, x, layer="conv2d_2")
    maps = model.layer_outputs(x, ["conv2d_2"])["conv2d_2"]
    height, width = maps.shape[1:3]
    assert tiles.shape == (2, 2 * (height + 1) - 1, 3 * (width + 1) - 1)
    own = maps[1, :, :, 4]
    expected = (own - own.min()) / (own.max() - own.min())
    found = tiles[1, height + 1 :, width + 1 : 2 * width + 1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (tiles[:, height] == 0).all()
    assert (tiles[1, height + 1 :, 2 * (width + 1) :] == 0).all()  # five maps in six places


# Classes, threads, single images, wrong arguments.


def test_classes_by_name_index_and_prediction() -> None:
    model, images = trained(), planted(4, 1).images
    by_index = explain.saliency(model, images, classes=[0, 1, 1, 0])
    assert_same_bits(
        by_index, explain.saliency(model, images, classes=["|||", "===", "===", "|||"])
    )
    assert_same_bits(by_index, explain.saliency(model, images, classes=np.array([0, 1, 1, 0])))
    one = explain.saliency(model, images, classes="===")
    assert_same_bits(one, explain.saliency(model, images, classes=[1] * 4))
    assert_same_bits(one, explain.saliency(model, images, classes=np.array(1)))
    predicted = model(images).argmax(axis=1)
    assert_same_bits(
        explain.saliency(model, images), explain.saliency(model, images, classes=predicted)
    )


def test_one_output_explains_either_of_two_classes() -> None:
    model = cnnx.Model(
        [cnnx.Flatten(), cnnx.Dense(1)], input_shape=(4, 4, 1), classes=["no", "yes"]
    )
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    x = np.random.default_rng(3).random((6, 4, 4, 1), np.float32)
    maps = {each: explain.integrated_gradients(model, x, classes=each) for each in ("no", "yes")}
    np.testing.assert_allclose(maps["no"], -maps["yes"], rtol=1e-6)
    predicted = explain.integrated_gradients(model, x)
    for image, name in enumerate(model.predict(x)):
        assert_same_bits(predicted[image], maps[name][image])


@pytest.mark.parametrize("name", EVERY)
def test_threads_single_images_and_integers(name: str, restore_threads: None) -> None:
    model, x = small(), pixels(3)
    settings = QUICK.get(name, {})
    cnnx.set_num_threads(1)
    whole = EVERY[name](model, x, **settings)
    assert whole.dtype == np.float32
    if name != "feature_maps":
        assert whole.shape == (3, 12, 14)
    cnnx.set_num_threads(3)
    assert_same_bits(EVERY[name](model, x, **settings), whole)
    if name != "smooth_grad":  # its noise depends on the place in the batch
        assert_same_bits(EVERY[name](model, x[1], **settings), whole[1])
    integers = (x * 255).astype(np.uint8)
    floats = (integers / 255).astype(np.float32)
    np.testing.assert_allclose(
        EVERY[name](model, integers, **settings),
        EVERY[name](model, floats, **settings),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(
    ("classes", "error", "sentence"),
    [
        ("=", ValueError, "classes has '=', expected one of |||, ==="),
        (2, ValueError, "classes has 2, expected an index from 0 to 1"),
        ([0], ValueError, "classes has 1 entries, expected one for each of the 2 images"),
        (1.5, TypeError, "classes is 1.5, expected a name, an index or a list"),
        ([0, 1.5], TypeError, "classes is 1.5, expected an integer"),
    ],
)
def test_refused_classes(name: str, classes: Any, error: type, sentence: str) -> None:
    with pytest.raises(error) as refusal:
        OF_CLASSES[name](network(1), planted(2, 1).images, classes=classes)
    assert f"{name}: {sentence}" in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "settings", "error", "sentence"),
    [
        ("grad_cam", {"layer": "dense_1"}, ValueError, "layer dense_1 has outputs of shape (2,)"),
        (
            "hires_cam",
            {"layer": "conv2d_3"},
            ValueError,
            "has no layer 'conv2d_3', expected ",
        ),
        ("score_cam", {"layer": 3}, TypeError, "layer is 3, expected the name of a layer"),
        ("feature_maps", {"layer": "flatten"}, ValueError, "has no layer 'flatten'"),
        ("smooth_grad", {"samples": 0}, ValueError, "samples is 0, expected"),
        ("smooth_grad", {"noise": -1}, ValueError, "noise is -1, expected"),
        ("integrated_gradients", {"steps": 0}, ValueError, "steps is 0, expected"),
        ("integrated_gradients", {"baseline": [0, 0]}, ValueError, "baseline has shape (2,)"),
        ("occlusion", {"patch": 33}, ValueError, "patch is (33, 33), expected at most (32, 32)"),
        ("occlusion", {"patch": 4, "stride": 5}, ValueError, "stride is (5, 5), expected at most"),
        ("occlusion", {"patch": 0}, ValueError, "patch is 0, expected"),
        ("occlusion", {"fill": np.zeros((3, 3))}, ValueError, "fill has shape (3, 3), expected"),
        ("saliency", {"target": 1}, TypeError, "has no argument target, expected"),
    ],
)
def test_refused_settings(name: str, settings: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error) as refusal:
        EVERY[name](network(1), planted(2, 1).images, **settings)
    assert f"{name}: {sentence}" in str(refusal.value)


@pytest.mark.parametrize("name", EVERY)
def test_refused_models(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: model is 3, expected a cnnx.Model"):
        EVERY[name](3, planted(2, 1).images)
    flat = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(SIZE, SIZE, 1))
    if name.endswith("cam") or name == "feature_maps":
        with pytest.raises(ValueError, match=f"^{name}: the model has no layer with maps"):
            EVERY[name](flat, planted(2, 1).images)
    maps = cnnx.Model([cnnx.Conv2d(2, 3)], input_shape=(SIZE, SIZE, 1))
    cnnx.Trainer(maps, loss=cnnx.MSE())  # values of positions, and no classes
    if name != "feature_maps":
        shape = r"\(30, 30, 2\)"
        with pytest.raises(ValueError, match=f"^{name}: the model's output has shape {shape}"):
            EVERY[name](maps, planted(2, 1).images)
