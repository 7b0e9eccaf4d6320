"""`cnnx.onnx.save`: inputs, outputs, labels, refusals and the file itself."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_exports import (
    MODELS,
    as_tensor,
    assert_onnx_runtime_agrees,
    checked,
    content,
    expected,
    graph,
    random_pixels,
    run_onnx,
)
from small_models import build, small

needs_onnx_runtime = pytest.mark.usefixtures("onnx_runtime")

PREPROCESSINGS = [
    cnnx.Preprocessing(),
    cnnx.Preprocessing(mean=0.5, std=0.25),
    cnnx.Preprocessing("fit", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
]


def classifier(outputs: int, last: type[cnnx.Layer] | None = None, **settings: Any) -> cnnx.Model:
    """A network with random outputs of which some are above 1/2."""
    layers: list[cnnx.Layer] = [cnnx.Conv2d(4, 3), cnnx.Tanh(), cnnx.Flatten()]
    layers.append(cnnx.Dense(outputs))
    if last is not None:
        layers.append(last())  # type: ignore[call-arg]
    return build(*layers, **settings)


def trained(model: cnnx.Model, loss: Any, targets: Any) -> cnnx.Model:
    cnnx.Trainer(model, loss=loss).step(random_pixels(model, len(targets)), targets)
    return model


# Inputs.


@needs_onnx_runtime
@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_the_graph_preprocesses_pixels_as_the_model_does(
    preprocessing: cnnx.Preprocessing, pixels: bool
) -> None:
    model = classifier(3, classes=["a", "b", "c"], preprocessing=preprocessing)
    assert_onnx_runtime_agrees(model, pixels=pixels)


@needs_onnx_runtime
def test_preprocessing_has_the_bits_of_the_model() -> None:
    model = build(cnnx.Dropout(0.5), preprocessing=PREPROCESSINGS[2])
    images = random_pixels(model, 20)
    outputs = run_onnx(content(model), images)["output"]
    assert outputs.tobytes() == as_tensor(model, images).tobytes()


@needs_onnx_runtime
def test_any_batch_size_runs() -> None:
    model = classifier(3, classes=["a", "b", "c"])
    file = content(model)
    for count in (1, 7):
        outputs = run_onnx(file, random_pixels(model, count))
        assert [len(each) for each in outputs.values()] == [count, count]


def test_the_names_of_layers_are_those_of_nodes_unless_the_graph_needs_them() -> None:
    model = build(
        cnnx.Conv2d(4, 3, name="images"), cnnx.ReLU(name="act"), cnnx.Conv2d(4, 3, name="label")
    )
    made = graph(model, pixels=False)
    assert [node.outputs for node in made.nodes] == [["images_2"], ["act"], ["output"]]
    assert made.nodes[0].inputs == ["images", "images.weight", "images.bias"]


# Outputs.


OUTPUTS = {
    "softmax of the outputs": lambda: classifier(3, classes=["a", "b", "c"]),
    "without names": lambda: classifier(3),
    "ends in softmax": lambda: classifier(3, cnnx.Softmax, classes=["a", "b", "c"]),
    "one sigmoid": lambda: classifier(1, cnnx.Sigmoid, classes=["no", "yes"]),
    "sigmoids": lambda: classifier(3, cnnx.Sigmoid, classes=["a", "b", "c"]),
    "one output, trained": lambda: trained(
        classifier(1, classes=["no", "yes"]), cnnx.BinaryCrossEntropy(), [0, 1, 1]
    ),
    "outputs, trained": lambda: trained(
        classifier(2), cnnx.BinaryCrossEntropy(), np.eye(2, dtype=np.float32)
    ),
    "regression": lambda: trained(classifier(2), cnnx.MSE(), np.eye(2, dtype=np.float32)),
    "an image": lambda: build(cnnx.Conv2d(3, 3)),
    "one output": lambda: classifier(1),
}
LABELLED = ["softmax of the outputs", "ends in softmax", "one sigmoid", "one output, trained"]


@needs_onnx_runtime
@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_and_labels_are_those_of_the_model(case: str) -> None:
    model = OUTPUTS[case]()
    assert_onnx_runtime_agrees(model)
    assert_onnx_runtime_agrees(model, labels=False)


@pytest.mark.parametrize("case", OUTPUTS)
def test_labels_are_an_output_where_predict_gives_one_name_per_image(case: str) -> None:
    model = OUTPUTS[case]()
    first, _ = expected(model, random_pixels(model))
    names = [each.name for each in graph(model).outputs]
    assert names == [first, *(["label"] if case in LABELLED else [])]
    assert [each.name for each in graph(model, labels=False).outputs] == [first]


@needs_onnx_runtime
def test_labels_may_be_any_text() -> None:
    names = ["Köln", "a b", "x" * 300]
    model = classifier(3, classes=names)
    labels = run_onnx(content(model), random_pixels(model, 50))["label"]
    assert labels.tolist() == model.predict(random_pixels(model, 50)).tolist()
    assert set(labels) <= set(names)


# Metadata.


def test_metadata() -> None:
    model = classifier(2, classes=["it's", "O"], preprocessing=PREPROCESSINGS[1])
    texts = graph(model).metadata
    preprocessing = {"resize": "stretch", "mean": [0.5], "std": [0.25]}
    assert json.loads(texts["cnnx.preprocessing"]) == preprocessing
    assert json.loads(texts["cnnx.classes"]) == ["it's", "O"]
    assert json.loads(texts["cnnx.probabilities"]) == "softmax"
    assert ast.literal_eval(texts["names"]) == {0: "it's", 1: "O"}
    assert "names" not in graph(classifier(2)).metadata


# Refusals.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"opset": 14}, "save: opset is 14, expected an integer from 15 to 23"),
        ({"opset": 24}, "save: opset is 24, expected an integer from 15 to 23"),
        ({"opset": "18"}, "save: opset is '18', expected an integer"),
        ({"opset": True}, "save: opset is True, expected an integer"),
        ({"input": "pixels"}, "save: input is 'pixels', expected 'uint8' or 'float32'"),
        ({"labels": 1}, "save: labels is 1, expected True or False"),
        ({"version": 18}, "save: has no argument version, expected one of "),
    ],
)
def test_a_wrong_argument_is_refused(
    settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        cnnx.onnx.save(small(), tmp_path / "model.onnx", **settings)
    assert not list(tmp_path.iterdir())


def test_something_else_than_a_model_is_refused(tmp_path: Path) -> None:
    save: Any = cnnx.onnx.save
    with pytest.raises(TypeError, match=r"^save: model is 'model', expected a cnnx\.Model$"):
        save("model", tmp_path / "model.onnx")
    with pytest.raises(TypeError, match=r"^save: path is 3, expected a path$"):
        save(small(), 3)


# Models.


@needs_onnx_runtime
@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_computes_every_model(name: str) -> None:
    shape = (32, 32, 3)
    model = getattr(cnnx.models, name)(shape, ["X", "O", "+"])
    assert_onnx_runtime_agrees(model)


# The file.


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    cnnx.onnx.save(small(), file)
    old = file.read_bytes()
    cnnx.onnx.save(small(seed=1), file)
    assert file.read_bytes() != old
    assert [*tmp_path.iterdir()] == [file]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.onnx", "two.onnx"):
        cnnx.onnx.save(small(["a", "b", "c"]), tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_onnx_accepts_the_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx.checker")
    file = tmp_path / "model.onnx"
    cnnx.onnx.save(small(["a", "b", "c"]), file)
    checked(file.read_bytes())


@pytest.mark.parametrize("path", [".", "missing/model.onnx"])
def test_a_path_that_cannot_be_written_is_named(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=re.escape(f"'{path}'")):
        cnnx.onnx.save(small(), path)
    assert not list(tmp_path.iterdir())


def test_a_path_with_the_extension_of_the_other_format_draws_a_warning(tmp_path: Path) -> None:
    with pytest.warns(cnnx.Warning, match=r"\.cnnx'; ONNX is written by cnnx\.onnx\.save\("):
        small().save(tmp_path / "model.onnx")
    with pytest.warns(cnnx.Warning, match=r"the file is ONNX; .* model\.save\('"):
        cnnx.onnx.save(small(), tmp_path / "model.cnnx")
