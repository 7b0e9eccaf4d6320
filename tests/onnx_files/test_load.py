"""cnnx.onnx.load: sizes, outputs, class names, preprocessing, and what cannot be expressed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.model.build import built
from onnx_models import OnnxModel, reference_output


def classifier(*shape: int, channels: int = 3, classes: int = 4, **settings: Any) -> OnnxModel:
    """A model of one convolution and a dense layer; its output is `logits`."""
    model = OnnxModel(*shape, **settings)
    finish(model, "x", channels, classes)
    return model


def finish(model: OnnxModel, image: str, channels: int = 3, classes: int = 4) -> None:
    weight = model.weight(8, channels, 3, 3, name="stem.weight")
    maps = model.node("Relu", model.node("Conv", image, weight, pads=[1, 1, 1, 1]))
    pooled = model.node("Flatten", model.node("GlobalAveragePool", maps))
    model.node("Gemm", pooled, model.weight(classes, 8), model.weight(classes), transB=1)
    model.nodes[-1].output[0] = "logits"


def images(model: OnnxModel) -> Any:
    """Random images as cnnx takes them, and as the ONNX model does."""
    x = model.rng.random(model.shape, dtype=np.float32)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), x


def test_a_file_becomes_a_model(tmp_path: Path) -> None:
    model = classifier(2, 3, 8, 6, open_batch=True)
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", "logits"))
    assert loaded.input_shape == (8, 6, 3)
    assert loaded.classes is None
    assert [layer.kind for layer in loaded.layers] == [
        *("conv2d", "relu", "global_avg_pool2d", "dense")
    ]
    own, x = images(model)
    expected = reference_output(model.proto("logits"), x)
    np.testing.assert_allclose(loaded(own), expected, atol=1e-5)


def test_no_weight_is_drawn_that_the_file_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    def noted(*arguments: Any) -> Any:
        given.extend(arguments[5])
        return built(*arguments)

    monkeypatch.setattr("cnnx.onnx.network.built", noted)
    loaded = cnnx.onnx.load(classifier(2, 3, 8, 6).save(tmp_path / "net.onnx", "logits"))
    assert sorted(given) == sorted(loaded.parameters)


def test_a_loaded_model_trains(tmp_path: Path) -> None:
    model = classifier(8, 3, 8, 6)
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", "logits"))
    own, _ = images(model)
    labels = np.arange(8) % 4
    trainer = cnnx.Trainer(loaded, optimizer=cnnx.Adam(learning_rate=0.01))
    losses = [trainer.step(own, labels) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_open_sizes_are_given(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    proto = model.proto("logits")
    for axis in (2, 3):
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"size_{axis}"
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match=r"has shape \(1, 3, size_2, size_3\), expected sizes: "):
        cnnx.onnx.load(path)
    assert cnnx.onnx.load(path, input_shape=(32, 16, 3)).input_shape == (32, 16, 3)


def test_other_sizes_than_those_of_the_file(tmp_path: Path) -> None:
    path = classifier(1, 3, 8, 6).save(tmp_path / "net.onnx", "logits")
    assert cnnx.onnx.load(path, input_shape=(20, 20, 3)).input_shape == (20, 20, 3)
    with pytest.raises(ValueError, match=r"does not fit input_shape=\(20, 20, 1\)"):
        cnnx.onnx.load(path, input_shape=(20, 20, 1))


def test_one_of_several_outputs(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    probabilities = model.node("Softmax", "logits")
    path = model.save(tmp_path / "net.onnx", "logits", probabilities)
    both = cnnx.onnx.load(path)
    assert [(head.name, head.task) for head in both.heads] == [
        ("logits", "classification"),
        (probabilities, "classification"),
    ]
    x = np.random.default_rng(0).random((2, 8, 6, 3), np.float32)
    found = both.predict_proba(x)
    np.testing.assert_array_equal(found["logits"], found[probabilities])
    with pytest.raises(ValueError, match=r"classes is \['a', 'b', 'c', 'd'\], expected None for 2"):
        cnnx.onnx.load(path, classes=list("abcd"))
    assert cnnx.onnx.load(path, outputs=["logits"]).layers[-1].kind == "dense"
    assert cnnx.onnx.load(path, outputs=[probabilities]).layers[-1].kind == "softmax"
    inner = cnnx.onnx.load(path, outputs=["Relu_1_0"])
    assert inner.output_shape == (8, 6, 8)
    with pytest.raises(ValueError, match=r"outputs is \['gone'\], expected the name of a value"):
        cnnx.onnx.load(path, outputs=["gone"])
    for outputs in ([], ["logits", "logits"]):
        with pytest.raises(ValueError, match=r"outputs is \[.*\], expected different names"):
            cnnx.onnx.load(path, outputs=outputs)
    with pytest.raises(TypeError, match="outputs is 'logits', expected a list of names"):
        cnnx.onnx.load(path, outputs="logits")
    some = cnnx.onnx.load(path, outputs=["Relu_1_0", "logits"])
    assert [head.shape for head in some.heads] == [(8, 6, 8), (4,)]


def test_one_of_several_outputs_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    turned = model.node("Transpose", "Relu_1_0", perm=[1, 0, 2, 3])
    path = model.save(tmp_path / "net.onnx", "logits", turned)
    sentence = rf"its output {turned} does not have the batch as its first axis.*: outputs=\[...\]"
    with pytest.raises(ValueError, match=sentence):
        cnnx.onnx.load(path)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cnnx.classes", '["ant", "bee", "cat", "dog"]'),
        ("names", "{0: 'ant', 1: 'bee', 2: 'cat', 3: 'dog'}"),
        ("classes", "ant\nbee\ncat\ndog"),
        ("classes", "ant, bee, cat, dog"),
    ],
)
def test_class_names_in_the_metadata(tmp_path: Path, key: str, text: str) -> None:
    model = classifier(1, 3, 8, 6)
    model.metadata = {key: text}
    path = model.save(tmp_path / "net.onnx", "logits")
    assert cnnx.onnx.load(path).classes == ["ant", "bee", "cat", "dog"]
    assert cnnx.onnx.load(path, classes=list("abcd")).classes == ["a", "b", "c", "d"]


def test_class_names_for_another_number_of_outputs_are_not_taken(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    model.metadata = {"names": "{0: 'ant', 1: 'bee'}"}
    path = model.save(tmp_path / "net.onnx", "logits")
    with pytest.warns(cnnx.Warning, match="name 2 classes for 4 outputs"):
        assert cnnx.onnx.load(path).classes is None


# Preprocessing.


def test_a_mean_and_a_deviation_become_the_preprocessing(tmp_path: Path) -> None:
    model = OnnxModel(2, 3, 8, 6)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    centred = model.node("Sub", "x", model.constant(np.reshape(mean, (3, 1, 1))))
    finish(model, model.node("Div", centred, model.constant(np.reshape(std, (1, 3, 1, 1)))))
    path = model.save(tmp_path / "net.onnx", "logits")
    loaded = cnnx.onnx.load(path)
    assert loaded.layers[0].kind == "conv2d"
    np.testing.assert_allclose(loaded.preprocessing.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(loaded.preprocessing.std, std, rtol=1e-6)
    own, x = images(model)
    expected = reference_output(model.proto("logits"), x)
    np.testing.assert_allclose(loaded(own), expected, atol=1e-5)
    # A preprocessing of the caller's comes before that of the file.
    given = cnnx.onnx.load(path, preprocessing=cnnx.Preprocessing(std=0.5))
    assert given.layers[0].kind == "scale2d"
    doubled = reference_output(model.proto("logits"), 2 * x)
    np.testing.assert_allclose(given(own), doubled, atol=1e-5)


def test_a_scale_of_pixels_up_to_255_is_that_of_integers(tmp_path: Path) -> None:
    """As Keras writes Rescaling(1 / 127.5, offset=-1)."""
    model = OnnxModel(2, 3, 8, 6)
    scaled = model.node("Mul", "x", model.constant(np.float32(1 / 127.5)))
    finish(model, model.node("Add", scaled, model.constant(np.float32(-1))))
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", "logits"))
    assert loaded.preprocessing == cnnx.Preprocessing(mean=0.5, std=0.5)
    pixels = model.rng.integers(0, 256, (2, 8, 6, 3)).astype(np.uint8)
    x = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    np.testing.assert_allclose(
        loaded(pixels), reference_output(model.proto("logits"), x), atol=1e-4
    )


def exported(metadata: dict[str, Any]) -> OnnxModel:
    """The form that cnnx exports: pixels, channels last, divided by 255 and standardised."""
    model = OnnxModel(2, 8, 6, 3, open_batch=True)
    model.dtype = np.uint8
    floats = model.node("Cast", "x", to=1)
    unit = model.node("Div", floats, model.constant(np.float32(255)))
    centred = model.node("Sub", unit, model.constant([0.5, 0.25, 0.125]))
    scaled = model.node("Div", centred, model.constant([0.1, 0.2, 0.3]))
    finish(model, model.node("Transpose", scaled, perm=[0, 3, 1, 2]))
    model.metadata = {name: json.dumps(value) for name, value in metadata.items()}
    return model


def test_the_form_that_cnnx_exports(tmp_path: Path) -> None:
    preprocessing = {"resize": "crop", "mean": [0.5, 0.25, 0.125], "std": [0.1, 0.2, 0.3]}
    names = ["ant", "bee", "cat", "dog"]
    model = exported({"cnnx.preprocessing": preprocessing, "cnnx.classes": names})
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", "logits"))
    assert loaded.classes == names
    expected = cnnx.Preprocessing("crop", mean=(0.5, 0.25, 0.125), std=(0.1, 0.2, 0.3))
    for name in ("resize", "mean", "std"):
        got = getattr(loaded.preprocessing, name)
        assert got == getattr(expected, name) or np.allclose(got, getattr(expected, name))
    assert loaded.layers[0].kind == "conv2d"
    pixels = model.rng.integers(0, 256, (2, 8, 6, 3)).astype(np.uint8)
    reference = reference_output(model.proto("logits"), pixels)
    np.testing.assert_allclose(loaded(pixels), reference, atol=1e-4)


# What cannot be expressed.


def test_every_node_without_a_layer_is_named_at_once(tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 6)
    first = model.node("Sin", "x")
    second = model.node("Resize", "x", "", model.constant(np.float32([1, 1, 2, 2])), mode="cubic")
    third = model.node("MaxPool", model.node("Add", first, second), kernel_shape=[2, 2])
    model.node("CumSum", third, model.constant(np.int64(1)))
    model.nodes[-1].output[0] = "out"
    path = model.save(tmp_path / "net.onnx", "out")
    with pytest.raises(cnnx.onnx.UnsupportedError) as caught:
        cnnx.onnx.load(path)
    assert [each.operator for each in caught.value.refusals] == ["Sin", "Resize", "CumSum"]
    assert str(caught.value).splitlines() == [
        f"load: {path}: cnnx cannot express these nodes:",
        "  Sin (node_0): cnnx has no layer for this operator;",
        "  Resize (node_1): its mode is cubic, expected nearest or linear;",
        "  CumSum (node_4): cnnx has no layer for this operator",
    ]


def test_the_error_of_refused_nodes_checks_its_arguments() -> None:
    with pytest.raises(TypeError, match=r"UnsupportedError: source is \(\), expected text"):
        cnnx.onnx.UnsupportedError((), [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"UnsupportedError: refusals is 0, expected a list"):
        cnnx.onnx.UnsupportedError("load", 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"refusals is \[1\], expected a list of Refusal"):
        cnnx.onnx.UnsupportedError("load", [1])  # type: ignore[list-item]


def test_nodes_that_the_output_does_not_need_may_be_anything(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    model.node("Sin", "logits")
    assert cnnx.onnx.load(model.save(tmp_path / "net.onnx", "logits")).output_shape == (4,)


def test_a_flattened_output_has_the_order_of_the_graph(tmp_path: Path) -> None:
    model = OnnxModel(1, 3, 8, 6)
    flat = model.node("Flatten", model.node("Relu", "x"))
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", flat))
    own, x = images(model)
    np.testing.assert_array_equal(loaded(own), np.maximum(x, 0).reshape(1, -1))


@pytest.mark.parametrize("order", [[0, 1, 3, 2], [0, 2, 1, 3], [0, 3, 2, 1]])
def test_an_output_with_axes_in_another_order_is_transposed(
    order: list[int], tmp_path: Path
) -> None:
    """Only (channels, height, width) and (height, width, channels) are an image as it is."""
    model = OnnxModel(2, 3, 8, 6)
    turned = model.node("Transpose", model.node("Relu", "x"), perm=order)
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", turned))
    own, x = images(model)
    expected = np.maximum(x, 0).transpose(order).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(loaded(own), expected)


def test_an_input_that_the_output_does_not_need_is_left_out(tmp_path: Path) -> None:
    model = classifier(1, 3, 8, 6)
    proto = model.proto("logits")
    second = proto.graph.input.add()
    second.CopyFrom(proto.graph.input[0])
    second.name = "mask"
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    loaded = cnnx.onnx.load(path)
    assert (loaded.inputs, loaded.input_shape) == ({}, (8, 6, 3))
    second.type.tensor_type.shape.ClearField("dim")
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match=r"its input mask is an array of 0 axes, expected images"):
        cnnx.onnx.load(path)


@pytest.mark.parametrize("is_installed", [True, False])
def test_files_of_other_kinds_are_named_with_and_without_the_package(
    is_installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.cnnx"
    cnnx.models.small((16, 16, 1), 2).save(file)
    if not is_installed:
        monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(cnnx.FormatError, match=r"a model of cnnx, expected an ONNX model; load it"):
        cnnx.onnx.load(file)
    file.write_bytes(b"\x08")
    error = cnnx.FormatError if is_installed else ImportError
    with pytest.raises(error, match=r"not an ONNX file|pip install 'cnnx\[onnx\]'"):
        cnnx.onnx.load(file)


def test_the_content_of_a_file_is_no_path(tmp_path: Path) -> None:
    content: Any = classifier(2, 3, 8, 6).save(tmp_path / "net.onnx", "logits").read_bytes()
    with pytest.raises(ValueError, match=r"^load: path has .* expected the path of a"):
        cnnx.onnx.load(content)
