"""Models with several inputs: graphs, arrays and calls that are refused, each in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import Add, Conv2d, Dense, Flatten, Input, Model
from input_graphs import SHAPES, samples, scene


def test_graphs_that_do_not_fit_are_refused() -> None:
    a, b = Input((4, 4, 1)), Input((4, 4, 1))
    both = Add()(Conv2d(2, 1)(a), Conv2d(2, 1, name="mine")(b))
    refusals: list[tuple[Any, type[Exception], str]] = [
        ([a, b], TypeError, r'expected one cnnx.Input, or several by name: \{"image": image, '),
        (
            {"a": a},
            ValueError,
            "inputs has the names a, expected at least two; a single input goes",
        ),
        ({}, ValueError, "inputs has the names of none, expected at least two"),
        ({"a": a, 1: b}, TypeError, "inputs has the name 1, expected text"),
        ({"a": a, "": b}, ValueError, "inputs has the name '', expected 1 to 100 letters"),
        ({"a": a, "my image": b}, ValueError, "inputs has the name 'my image', expected 1 to 100"),
        ({"a": a, "input": b}, ValueError, "inputs has the name 'input', expected"),
        ({"a": a, "cnnx.b": b}, ValueError, "inputs has the name 'cnnx.b', expected"),
        ({"a": a, "b": (4, 4, 1)}, TypeError, r"input 'b' is \(4, 4, 1\), expected a cnnx.Input"),
        ({"a": a, "b": a}, ValueError, "one Input under the names 'a' and 'b', expected a cnnx"),
        ({"a": a, "b": b, "c": Input((2, 2, 1))}, ValueError, "does not depend on input 'c'"),
        ({"a": a, "c": Input((2, 2, 1))}, ValueError, "reads another Input than those in inputs"),
        ({"a": a, "mine": b}, ValueError, "inputs has the name 'mine', which a layer has, too"),
    ]
    for inputs, error, message in refusals:
        with pytest.raises(error, match=f"^Model.from_graph: .*{message}"):
            Model.from_graph(inputs, both)
    inputs = {"a": a, "b": b}
    with pytest.raises(ValueError, match="outputs is the input itself"):
        Model.from_graph(inputs, a)
    with pytest.raises(ValueError, match=r"preprocessing is .*mean=0.5.*: BatchNorm2d\(\) or"):
        Model.from_graph(inputs, both, preprocessing=cnnx.Preprocessing(mean=0.5))


def test_a_name_that_layers_would_have_is_left_to_the_input() -> None:
    a, b = Input((4, 4, 1)), Input((4, 4, 1))
    model = Model.from_graph({"conv2d_1": a, "b": b}, Add()(Conv2d(2, 1)(a), Conv2d(2, 1)(b)))
    assert [layer.name for layer in model.layers] == [
        *("conv2d_1", "b", "conv2d_2", "conv2d_3", "add_1")
    ]


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], type[Exception], str]] = {
    "an array": (
        lambda x: x["image"],
        TypeError,
        r'x is .*, expected a dict of the arrays of image, depth, place: \{"image": ..., "depth"',
    ),
    "a list": (lambda x: list(x.values()), TypeError, "expected a dict of the arrays of image"),
    "a path": (lambda x: "a.png", TypeError, "x is 'a.png', expected a dict of"),
    "a missing name": (
        lambda x: {"image": x["image"], "depth": x["depth"]},
        ValueError,
        "x has the names image, depth, expected a dict of the arrays of image, depth, place$",
    ),
    "an unknown name": (
        lambda x: {**x, "far": x["depth"]},
        ValueError,
        "x has the names image, depth, place, far, expected a dict",
    ),
    "no name": (lambda x: {}, ValueError, "x has the names of none, expected a dict"),
    "numbers of images": (
        lambda x: {**x, "depth": x["depth"][:4]},
        ValueError,
        "x has 11 images of 'image' and 4 of 'depth', expected as many of each",
    ),
    "one image and a batch": (
        lambda x: {**x, "depth": x["depth"][0]},
        ValueError,
        "x has one image of 'depth' and a batch of 'image', expected batches of both",
    ),
    "a shape": (
        lambda x: {**x, "depth": x["depth"][:, :3]},
        ValueError,
        r"input 'depth': x has shape \(11, 3, 3, 1\), expected images of shape \(4, 3, 1\)",
    ),
    "channels first": (
        lambda x: {**x, "image": x["image"].transpose(0, 3, 1, 2)},
        ValueError,
        r"input 'image': .*channels first; .*x.transpose\(0, 2, 3, 1\)",
    ),
    "text": (
        lambda x: {**x, "place": np.full((11, 1, 1, 5), "a")},
        TypeError,
        "input 'place': x has dtype <U1, expected real numbers such as float32",
    ),
    "complex numbers": (
        lambda x: {**x, "place": x["place"] * 1j},
        TypeError,
        "input 'place': x .*complex",
    ),
    "integers above 255": (
        lambda x: {**x, "depth": np.full((11, 4, 3, 1), 300)},
        ValueError,
        "input 'depth': x holds integers from 300 to 300",
    ),
    "an image file": (
        lambda x: {**x, "image": ["a.png"] * 11},
        TypeError,
        "input 'image': x is .*reads no image files",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_arrays_that_do_not_fit_are_refused(wrong: str) -> None:
    x, y = samples()
    model = scene()
    trainer = cnnx.Trainer(model)
    change, error, message = WRONG[wrong]
    given = change(x)
    calls: dict[str, Callable[[], object]] = {
        "model": lambda: model(given),
        "predict": lambda: model.predict(given),
        "predict_proba": lambda: model.predict_proba(given),
        "layer_outputs": lambda: model.layer_outputs(given),
        "gradients": lambda: model.gradients(given, np.ones((11, 3)), of="image"),
        "step": lambda: trainer.step(given, y),
        "fit": lambda: trainer.fit(given, y, epochs=1),
        "fit: validation": lambda: trainer.fit(x, y, epochs=1, validation=(given, y)),
    }
    for function, call in calls.items():
        with pytest.raises(error, match=f"^{function}: .*{message}"):
            call()


def test_a_dict_for_a_single_input_is_refused() -> None:
    x, y = samples()
    image = Input(SHAPES["image"])
    model = Model.from_graph(image, Dense(3)(Flatten()(image)))
    for call in (lambda: model(x), lambda: cnnx.Trainer(model).fit(x, y, epochs=1)):
        with pytest.raises(TypeError, match="x is a dict with the names image, depth, place, "):
            call()
    with pytest.raises(TypeError, match=r"x is .* without y, expected labels too"):
        cnnx.Trainer(scene()).fit(x, epochs=1)  # type: ignore[arg-type]


def test_gradients_are_those_of_a_named_input() -> None:
    x, _ = samples()
    with pytest.raises(ValueError, match="gradients: has no layer 'input', expected"):
        scene().gradients(x, np.ones((11, 3)))


def test_what_is_of_single_images_is_refused(tmp_path: Any) -> None:
    x, y = samples(24)
    model = scene()
    trainer = cnnx.Trainer(model)
    several = r"the model has several inputs \(image, depth, place\), expected one with a single"
    image, path = x["image"], tmp_path / "page.html"
    calls: dict[str, Callable[[], object]] = {
        "augmentation": lambda: trainer.fit(
            x, y, epochs=1, augmentation=cnnx.data.Augmentation(flip="random")
        ),
        "resized": lambda: model.resized(16),
        "predict_tiled": lambda: model.predict_tiled(image[0]),
        "predict_proba_tiled": lambda: model.predict_proba_tiled(image[0]),
        "with_preprocessing": lambda: model.with_preprocessing(cnnx.Preprocessing(mean=0.5)),
        "grad_cam": lambda: cnnx.explain.grad_cam(model, image),
        "saliency": lambda: cnnx.explain.saliency(model, image),
        "check_model": lambda: cnnx.doctor.check_model(model, image),
        "check_training": lambda: cnnx.doctor.check_training(model, image, y),
        "write": lambda: cnnx.report.write(path, model, (image, y)),
        "quantize": lambda: cnnx.quantize(model, image),
    }
    for function, call in calls.items():
        with pytest.raises(ValueError, match=f"^{function}: {several}"):
            call()
    with pytest.raises(ValueError, match=f"write: {several}"):
        cnnx.playground.write(path, model)
    data = cnnx.data.Dataset(np.zeros((9, 8, 6, 3), np.uint8), np.zeros(9, int), 3)
    for given in (data, str(tmp_path)):
        what = re.escape("a Dataset" if given is data else repr(str(tmp_path)))
        for function, call in {
            "fit": lambda given=given: trainer.fit(given, epochs=1),
            "evaluate": lambda given=given: trainer.evaluate(given),
            "fit: validation": lambda given=given: trainer.fit(x, y, epochs=1, validation=given),
        }.items():
            with pytest.raises(TypeError, match=f"^{function}: x is {what}, expected a dict of"):
                call()
