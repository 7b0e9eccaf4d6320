"""cnnx.explain of models with a class for each position: the formulas, and a known cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import explain
from cnnx.explain.activation_maps import map_layer

SHAPE, CLASSES = (12, 16, 3), ["ground", "cat", "dog"]
QUICK: dict[str, dict[str, int]] = {
    "occlusion": {"patch": 8},
    "smooth_grad": {"samples": 2},
    "integrated_gradients": {"steps": 3},
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(explain, name)
    for name in explain.__all__
    if name not in ("walkthrough", "feature_maps")
}


def a_unet(outputs: int = 3) -> cnnx.Model:
    image = cnnx.Input(SHAPE)
    fine = cnnx.ReLU()(cnnx.Conv2d(6, 3, padding="same")(image))
    coarse = cnnx.ReLU(name="bottom")(cnnx.Conv2d(8, 3, padding="same")(cnnx.MaxPool2d(2)(fine)))
    maps = cnnx.Concat()(fine, cnnx.Upsample2d(2)(coarse))
    scores = cnnx.Conv2d(outputs, 1, name="scores")(maps)
    names = CLASSES if outputs == 3 else None
    model = cnnx.Model.from_graph(image, scores, classes=names, seed=3)
    # So that every class is predicted somewhere.
    model.parameters["scores.bias"] = -model(images(3)).mean(axis=(0, 1, 2))
    return model


def images(count: int) -> Any:
    return np.random.default_rng(4).random((count, *SHAPE), np.float32)


def test_seg_grad_cam_is_its_formula() -> None:
    model, x = a_unet(), images(2)
    labels = model(x).argmax(axis=-1)
    assert set(np.unique(labels)) == {0, 1, 2}
    for index in range(3):
        factors = np.zeros(model(x).shape, np.float32)
        for own, mask in zip(factors, labels == index, strict=True):
            chosen = mask if mask.any() else np.ones_like(mask)
            own[chosen, index] = 1 / chosen.sum()
        gradients = model.gradients(x, factors, of="bottom")
        maps = model.layer_outputs(x, ["bottom"])["bottom"]
        weights = gradients.mean(axis=(1, 2), keepdims=True)
        small = np.maximum((maps * weights).sum(axis=-1, keepdims=True), 0)
        expected = cnnx.ops.upsample2d(small, size=SHAPE[:2], mode="bilinear")[..., 0]
        found = explain.grad_cam(model, x, classes=CLASSES[index])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_the_default_class_is_the_largest_besides_the_first() -> None:
    model, x = a_unet(), images(3)
    counts = np.stack([np.bincount(each.ravel(), minlength=3) for each in model(x).argmax(axis=-1)])
    largest = [CLASSES[1 + each[1:].argmax()] for each in counts]
    np.testing.assert_array_equal(
        explain.grad_cam(model, x), explain.grad_cam(model, x, classes=largest)
    )
    model.parameters["scores.bias"] = [99, 0, 0]
    np.testing.assert_array_equal(
        explain.saliency(model, x), explain.saliency(model, x, classes="ground")
    )


def test_a_class_without_a_position_is_explained_by_all() -> None:
    model, x = a_unet(), images(1)
    model.parameters["scores.bias"] = [99, 0, 0]
    factors = np.zeros(model(x).shape, np.float32)
    factors[..., 2] = 1 / np.prod(SHAPE[:2])
    expected = np.abs(model.gradients(x, factors, of="input")).max(axis=-1)
    np.testing.assert_allclose(explain.saliency(model, x, classes="dog"), expected, rtol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("outputs", [1, 3])
def test_every_function_explains_positions(name: str, outputs: int) -> None:
    model, x = a_unet(outputs), images(2)
    if outputs == 1:
        cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy()).step(x, np.ones((2, *SHAPE[:2])))
    settings = QUICK.get(name, {})
    found = FUNCTIONS[name](model, x, classes=1, **settings)
    assert found.shape == (2, *SHAPE[:2])
    assert np.isfinite(found).all()
    assert found.any()
    single = FUNCTIONS[name](model, x[0], classes=[1], **settings)
    if name != "smooth_grad":  # its noise is drawn for all images at once
        np.testing.assert_allclose(single, found[0], rtol=1e-4, atol=1e-7)


def test_integrated_gradients_add_up_to_the_difference_of_mean_scores() -> None:
    model, x = a_unet(), images(2)
    maps = explain.integrated_gradients(model, x, classes="cat", steps=200)
    labels = model(x).argmax(axis=-1)
    start = model(np.zeros((1, *SHAPE), np.float32))[0]
    for own, scores, mask in zip(maps, model(x), labels == 1, strict=True):
        chosen = mask if mask.any() else np.ones_like(mask)
        difference = scores[chosen, 1].mean() - start[chosen, 1].mean()
        assert own.sum() == pytest.approx(difference, rel=0.01, abs=1e-4)


def test_the_class_of_a_patch_is_explained_by_the_patch() -> None:
    """A trained network: bright squares are a class, and decide for it."""
    random = np.random.default_rng(0)
    x = random.integers(0, 90, (60, *SHAPE), np.uint8)
    y = np.zeros((60, *SHAPE[:2]), np.int64)
    for own, mask in zip(x, y, strict=True):
        top, left = random.integers(0, 7), random.integers(0, 11)
        own[top : top + 5, left : left + 5] += 140
        mask[top : top + 5, left : left + 5] = 1
    model = a_unet()
    cnnx.Trainer(model, optimizer=cnnx.Adam(0.01)).fit(x, y, epochs=15, batch_size=8)
    for name in ("grad_cam", "hires_cam", "occlusion"):
        maps = FUNCTIONS[name](model, x[:20])
        places = maps.reshape(20, -1).argmax(axis=1)
        hits = y[:20].reshape(20, -1)[np.arange(20), places]
        assert hits.mean() >= 0.9, name


def test_the_default_layer_is_the_last_of_the_smallest_maps() -> None:
    assert map_layer(a_unet(), None, "test") == "bottom"
    flat = cnnx.Model([cnnx.Conv2d(4, 1), cnnx.ReLU(), cnnx.Conv2d(3, 1)], input_shape=SHAPE)
    assert map_layer(flat, None, "test") == "relu_1"
    soft = cnnx.Model([*flat.layers, cnnx.Softmax()], input_shape=SHAPE)
    assert map_layer(soft, None, "test") == "relu_1"
    single = cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=SHAPE)
    assert map_layer(single, None, "test") == "conv2d_1"
    fcn = cnnx.models.resnet18_fcn((64, 64, 3), 4)
    shapes = {each.name: each.output_shape for each in fcn.layers}
    assert shapes[map_layer(fcn, None, "test")] == (2, 2, 512)


def test_wrong_models_and_classes_are_refused() -> None:
    model, x = a_unet(), images(1)
    with pytest.raises(ValueError, match="grad_cam: classes has 'doge', expected dog"):
        explain.grad_cam(model, x, classes="doge")
    with pytest.raises(ValueError, match="saliency: classes has 3, expected an index from 0 to 2"):
        explain.saliency(model, x, classes=3)
    with pytest.raises(ValueError, match="walkthrough: the model predicts a class for each posi"):
        explain.walkthrough(model, x[0])
    cnnx.Trainer(model.with_classes(3), loss=cnnx.MSE())
    values = a_unet(1)
    cnnx.Trainer(values, loss=cnnx.MSE())
    with pytest.raises(ValueError, match=r"output has shape \(12, 16, 1\), expected one number"):
        explain.grad_cam(values, x)
