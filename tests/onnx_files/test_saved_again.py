"""Loaded files are saved with their own inputs and outputs, unless others are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_exports import as_tensor, random_pixels, run_onnx
from onnx_models import OnnxModel

pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def classifier(m: OnnxModel, x: str) -> str:
    y = m.node("Relu", m.node("Conv", x, m.weight(4, m.shape[1], 3, 3)))
    return m.node("Gemm", m.node("Flatten", m.node("GlobalAveragePool", y)), m.weight(4, 3))


def scaled(m: OnnxModel) -> str:
    shifted = m.node("Sub", "x", m.weight(3, 1, 1))
    return classifier(m, m.node("Div", shifted, m.positive(3, 1, 1)))


def of_pixels(m: OnnxModel) -> str:
    return classifier(m, m.node("Div", m.node("Sub", "x", m.constant(127.5)), m.constant(64.0)))


def channels_last(m: OnnxModel) -> str:
    y = m.node("Conv", m.node("Transpose", "x", perm=[0, 3, 1, 2]), m.weight(4, 3, 3, 3))
    return m.node("Transpose", y, perm=[0, 2, 3, 1])


def rows(m: OnnxModel) -> str:
    y = m.node("Reshape", m.node("Conv", "x", m.weight(4, 3, 3, 3)), m.constant([0, 4, -1]))
    return m.node("Transpose", m.node("Concat", y, y, axis=2), perm=[0, 2, 1])


def five_axes(m: OnnxModel) -> str:
    y = m.node("Conv", "x", m.weight(4, 3, 3, 3))
    return m.node("Reshape", y, m.constant([0, 2, 2, m.shape[2] - 2, m.shape[3] - 2]))


def one_channel(m: OnnxModel) -> str:
    return m.node("Squeeze", m.node("Conv", "x", m.weight(1, 3, 3, 3)), m.constant([1]))


def probabilities(m: OnnxModel) -> str:
    return m.node("Softmax", classifier(m, "x"), axis=1)


CASES = [scaled, of_pixels, rows, five_axes, one_channel, probabilities]
SHAPES = [*((case, (2, 3, 6, 7)) for case in CASES), (channels_last, (2, 6, 7, 3))]


def in_onnx_runtime(path: Path, x: Any) -> tuple[list[Any], Any]:
    """Names, types and shapes of a file's inputs and outputs, and its only output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    values = [*session.get_inputs(), *session.get_outputs()]
    (output,) = session.run(None, {"x": x})
    return [(each.name, each.type, each.shape) for each in values], output


@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize(("network", "shape"), SHAPES)
def test_inputs_outputs_and_values_are_those_of_the_file(
    network: Any, shape: tuple[int, ...], open_batch: bool, tmp_path: Path
) -> None:
    m = OnnxModel(*shape, opset=18, open_batch=open_batch)
    first = m.save(tmp_path / "first.onnx", network(m))
    x = np.random.default_rng(1).normal(100, 50, shape).astype(np.float32)
    form, expected = in_onnx_runtime(first, x)
    for name in ("second", "third"):  # also of a file that cnnx wrote
        model = cnnx.onnx.load(first)
        model.save(tmp_path / "model.cnnx")
        first = tmp_path / f"{name}.onnx"
        cnnx.onnx.save(cnnx.load(tmp_path / "model.cnnx"), first)
        own, got = in_onnx_runtime(first, x)
        assert own == form
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert dict(model.metadata) == {}
    model.metadata = {"licence": "CC0"}
    assert "onnx.form" in model._core.metadata


def test_three_axes_keep_their_shape_in_predictions_and_training(tmp_path: Path) -> None:
    m = OnnxModel(2, 3, 6, 7)
    path = m.save(tmp_path / "m.onnx", rows(m))
    model = cnnx.onnx.load(path)
    x = np.random.default_rng(2).random((2, 3, 6, 7), np.float32)
    images = x.transpose(0, 2, 3, 1)
    _, expected = in_onnx_runtime(path, x)
    assert model.output_shape == (40, 4)
    np.testing.assert_allclose(model(images), expected, rtol=0, atol=1e-5)
    assert model.predict(images).tolist() == expected.argmax(axis=2).tolist()
    trainer = cnnx.Trainer(model)
    labels = expected.argmax(axis=2)
    assert trainer.evaluate(images, labels)["accuracy"] == 1
    trainer.step(images, labels)
    cnnx.Trainer(model, loss=cnnx.MSE()).step(images, expected)
    with pytest.raises(ValueError, match=r"y has shape \(2, 5\), expected .* \(2, 40\)"):
        trainer.step(images, labels[:, :5])


def test_bytes_that_the_graph_divides_stay_bytes(tmp_path: Path) -> None:
    m = OnnxModel(2, 3, 6, 7)
    m.dtype = np.uint8
    floats = m.node("Div", m.node("Cast", "x", to=1), m.constant(255.0))
    first = m.save(tmp_path / "first.onnx", classifier(m, floats))
    cnnx.onnx.save(cnnx.onnx.load(first), tmp_path / "own.onnx")
    x = np.random.default_rng(3).integers(0, 256, (2, 3, 6, 7), np.uint8)
    (form, expected), (own, got) = (
        in_onnx_runtime(each, x) for each in (first, tmp_path / "own.onnx")
    )
    assert own == form
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("output", ["raw", "probabilities"])
@pytest.mark.parametrize("pixels", [True, False])
def test_input_and_output_can_be_chosen(
    pixels: bool, output: Any, imported: bool, tmp_path: Path
) -> None:
    x, y = cnnx.data.xo(16, size=16, seed=1)
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    if imported:
        m = OnnxModel(2, 1, 16, 16)
        model = cnnx.onnx.load(m.save(tmp_path / "first.onnx", classifier(m, "x")))
        model = model.with_classes(["X", "O"])
    cnnx.Trainer(model).fit(x, y, epochs=1)
    file = tmp_path / "model.onnx"
    cnnx.onnx.save(model, file, input="uint8" if pixels else "float32", output=output)
    images = random_pixels(model)
    outputs = run_onnx(file.read_bytes(), images if pixels else as_tensor(model, images))
    name = "probabilities" if output == "probabilities" else "output"
    expected = model.predict_proba(images) if output == "probabilities" else model(images)
    np.testing.assert_allclose(outputs[name], expected, rtol=0, atol=1e-5)
    assert outputs["label"].tolist() == model.predict(images).tolist()
    again = cnnx.onnx.load(file)
    np.testing.assert_allclose(again(images), model(images), rtol=0, atol=1e-5)
    cnnx.onnx.save(again, tmp_path / "again.onnx")
    repeated = run_onnx(
        (tmp_path / "again.onnx").read_bytes(), images if pixels else as_tensor(model, images)
    )
    assert {*repeated} == {*outputs}


def test_a_preprocessing_that_the_user_gives_stays_outside(tmp_path: Path) -> None:
    m = OnnxModel(2, 3, 6, 7)
    first = m.save(tmp_path / "first.onnx", classifier(m, "x"))
    how = cnnx.Preprocessing(mean=0.5, std=0.25)
    model = cnnx.onnx.load(first, preprocessing=how)
    with pytest.warns(cnnx.Warning, match="^save: the graph leaves out the preprocessing by mean"):
        cnnx.onnx.save(model, tmp_path / "own.onnx")
    x = np.random.default_rng(4).random((2, 3, 6, 7), np.float32)
    (form, expected), (own, got) = (
        in_onnx_runtime(each, x) for each in (first, tmp_path / "own.onnx")
    )
    assert own == form
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_probabilities_that_a_model_does_not_have(tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(4, 4, 1))
    with pytest.raises(
        ValueError, match=r"^save: output is 'probabilities', but the model has none"
    ):
        cnnx.onnx.save(model, tmp_path / "m.onnx", output="probabilities")
    with pytest.raises(ValueError, match=r"^save: output is 'logits', expected"):
        cnnx.onnx.save(model, tmp_path / "m.onnx", output="logits")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", '{"inputs": [{"order": "NXYZ"}]}', '{"inputs": [{}]}'])
def test_a_damaged_form_is_a_format_error(text: str) -> None:
    from cnnx.model.file_form import file_form

    with pytest.raises(cnnx.FormatError, match=r"^its onnx\.form is "):
        file_form({"onnx.form": text})
