"""Temperature scaling: fitted, applied, saved, exported, and reset by training."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.evaluation import calibrate, evaluate
from model_file_parts import read_parts, write_parts

X, Y = cnnx.data.xo(400, seed=4)


def trained(outputs: int) -> cnnx.Model:
    """A small model that is too certain and often wrong; one output is trained with a sigmoid."""
    layers = [cnnx.AvgPool2d(4), cnnx.Flatten(), cnnx.Dense(16), cnnx.ReLU(), cnnx.Dense(outputs)]
    model = cnnx.Model(layers, input_shape=(32, 32, 1), classes=["X", "O"], seed=2)
    loss: Any = cnnx.CrossEntropy() if outputs == 2 else cnnx.BinaryCrossEntropy()
    cnnx.Trainer(model, loss=loss, optimizer=cnnx.Adam(0.02)).fit(X[:60], Y[:60], epochs=60)
    return model


MODELS = {outputs: trained(outputs) for outputs in (1, 2)}


def mean_loss(logits: Any, labels: Any, temperature: float) -> float:
    """Cross-entropy of the logits divided by the temperature, in plain float64."""
    z = np.asarray(logits, np.float64) / temperature
    if z.shape[1] == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    peak = z.max(axis=1)
    normaliser = peak + np.log(np.exp(z - peak[:, np.newaxis]).sum(axis=1))
    return float(np.mean(normaliser - z[np.arange(len(z)), labels]))


@pytest.mark.parametrize("outputs", MODELS)
def test_the_temperature_minimises_the_cross_entropy(outputs: int) -> None:
    model = MODELS[outputs].clone()
    before = evaluate(model, X[100:], Y[100:])
    logits = model(X[100:])
    temperature = calibrate(model, X[100:], Y[100:])
    assert temperature == model.temperature > 1.2
    least = mean_loss(logits, Y[100:], temperature)
    for other in (0.97 * temperature, 1.03 * temperature, 1.0):
        assert mean_loss(logits, Y[100:], other) > least
    after = evaluate(model, X[100:], Y[100:])
    assert after.loss == pytest.approx(least, rel=1e-6)
    assert after.calibration().expected_error < before.calibration().expected_error
    np.testing.assert_array_equal(after.predicted, before.predicted)
    np.testing.assert_array_equal(model(X[100:]), logits)
    assert calibrate(model, X[100:], Y[100:]) == pytest.approx(temperature, rel=1e-6)


@pytest.mark.parametrize("outputs", MODELS)
def test_probabilities_are_those_of_divided_outputs(outputs: int) -> None:
    model = MODELS[outputs].clone()
    model.temperature = 2.5
    z = model(X).astype(np.float64) / 2.5
    expected = 1 / (1 + np.exp(-z)) if outputs == 1 else np.exp(z) / np.exp(z).sum(1)[:, None]
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=2e-6)
    assert (model.predict(X) == MODELS[outputs].predict(X)).all()
    column = evaluate(model, X, Y).probabilities[:, -1]
    np.testing.assert_array_equal(column, model.predict_proba(X)[:, -1])


def test_copies_and_files_keep_the_temperature(tmp_path: Path) -> None:
    model = MODELS[2].clone()
    plain = pickle.dumps(model)
    model.temperature = 1.75
    model.save(tmp_path / "model.cnnx")
    trainer = cnnx.Trainer(model)
    trainer.fit(X, Y, epochs=0, checkpoint=tmp_path / "run.ckpt")
    copies = {
        "clone": model.clone(),
        "copy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "file": cnnx.load(tmp_path / "model.cnnx"),
        "checkpoint": cnnx.Trainer.resume(tmp_path / "run.ckpt").model,
        "with_preprocessing": model.with_preprocessing(cnnx.Preprocessing(mean=0.5)),
    }
    assert {name: each.temperature for name, each in copies.items()} == dict.fromkeys(copies, 1.75)
    same = [each for name, each in copies.items() if name != "with_preprocessing"]
    for each in same:
        np.testing.assert_array_equal(each.predict_proba(X), model.predict_proba(X))
    pooled = cnnx.Model([cnnx.GlobalAvgPool2d(), cnnx.Dense(2)], input_shape=(8, 8, 1))
    pooled.temperature = 3
    assert pooled.resized(16).temperature == 3
    # Features, and a new last layer, are not calibrated.
    assert model.with_classes(3).temperature == model.until("dense_1").temperature == 1
    model.temperature = 1
    assert pickle.dumps(model) == plain
    assert b"temperature" not in plain


@pytest.mark.parametrize(
    ("values", "shape", "sentence"),
    [
        ([0.0], [], "holds 0.000000, expected a finite number above 0"),
        ([-1.0], [], "holds -1.000000, expected"),
        ([float("nan")], [], "holds -?nan, expected"),
        ([float("inf")], [], "holds inf, expected"),
        ([2.0, 2.0], [2], r"has shape \(2,\), expected \(\)"),
    ],
)
def test_files_with_another_number_are_refused(
    values: list[float], shape: list[int], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.cnnx"
    MODELS[2].save(path)
    header, data = read_parts(path)
    end = len(data) + 4 * len(values)
    place = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), end]}
    header["cnnx.temperature"] = place
    write_parts(path, header, data + np.array(values, np.float32).tobytes())
    with pytest.raises(cnnx.FormatError, match=f'tensor "cnnx.temperature".*{sentence}'):
        cnnx.load(path)


def test_files_of_models_without_logits_have_none(tmp_path: Path) -> None:
    path = tmp_path / "model.cnnx"
    MODELS[2].save(path)
    header, data = read_parts(path)
    place = {"dtype": "F32", "shape": [], "data_offsets": [len(data), len(data) + 4]}
    header["cnnx.temperature"] = place
    graph = header["__metadata__"]["cnnx.graph"]
    header["__metadata__"]["cnnx.graph"] = graph.replace('"softmax"', '"none"')
    write_parts(path, header, data + np.float32(2).tobytes())
    with pytest.raises(cnnx.FormatError, match="has 7 tensors, but its graph uses 6"):
        cnnx.load(path)


def test_training_resets_it() -> None:
    for update in ("fit", "step", "apply_gradients"):
        model = MODELS[2].clone()
        model.temperature = 2
        trainer = cnnx.Trainer(model, averaging=cnnx.WeightAverage(0.9))
        assert trainer.evaluate(X, Y)["loss"] == pytest.approx(mean_loss(model(X), Y, 1))
        assert model.temperature == 2
        if update == "fit":
            trainer.fit(X, Y, epochs=1)
        elif update == "step":
            trainer.step(X, Y)
        else:
            trainer.compute_gradients(X, Y)
            assert model.temperature == 2
            trainer.apply_gradients()
        assert model.temperature == trainer.averaged_model().temperature == 1


@pytest.mark.parametrize("outputs", MODELS)
def test_onnx_files_divide_by_it(outputs: int, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = MODELS[outputs].clone()
    model.temperature = 1.6
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert "Div" in kinds[kinds.index("Gemm") :]
    back = cnnx.onnx.load(tmp_path / "model.onnx")
    assert back.temperature == model.temperature
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    assert [layer.kind for layer in back.layers] == [layer.kind for layer in model.layers]


@pytest.mark.parametrize("outputs", MODELS)
def test_an_onnx_runtime_gives_the_same_probabilities(outputs: int, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnx.reference")
    model = MODELS[outputs].clone()
    model.temperature = 1.6
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    session = runtime.ReferenceEvaluator(str(tmp_path / "model.onnx"))
    found = session.run(["probabilities"], {"images": X[:8]})[0]
    np.testing.assert_allclose(found, model.predict_proba(X[:8]), rtol=1e-5)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e-60])
def test_numbers_that_are_no_temperature_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^model: temperature is .*, expected a finite number"):
        MODELS[2].clone().temperature = value
    with pytest.raises(TypeError, match="model: temperature is 'hot', expected a number"):
        MODELS[2].clone().temperature = "hot"  # type: ignore[assignment]


def test_models_without_logits_are_refused() -> None:
    layers = [cnnx.AvgPool2d(4), cnnx.Flatten(), cnnx.Dense(2), cnnx.Softmax()]
    model = cnnx.Model(layers, input_shape=(32, 32, 1))
    with pytest.raises(ValueError, match="calibrate: the model ends in softmax, expected one with"):
        calibrate(model, X, Y)
    with pytest.raises(ValueError, match="the model's outputs are probabilities already"):
        model.temperature = 2
    model.temperature = 1
    values = cnnx.Model(layers[:-1], input_shape=(32, 32, 1))
    cnnx.Trainer(values, loss=cnnx.MSE())
    with pytest.raises(ValueError, match="calibrate: the model was trained with a regression"):
        calibrate(values, X, Y)
    with pytest.raises(TypeError, match="calibrate: model is None, expected a cnnx"):
        calibrate(None, X, Y)  # type: ignore[arg-type]


def test_images_without_a_best_temperature_are_refused() -> None:
    model = MODELS[2].clone()
    correct = model(X).argmax(axis=1) == Y
    with pytest.raises(ValueError, match="every image is classified correctly, so that no temp"):
        calibrate(model, X[correct], Y[correct])
    with pytest.raises(ValueError, match="outputs do not agree with the labels more than chance"):
        calibrate(model, X, 1 - Y)
    assert model.temperature == 1


def test_of_a_data_set_the_validation_set_is_used() -> None:
    def data(first: int, last: int, **sets: Any) -> cnnx.data.Dataset:
        return cnnx.data.Dataset(X[first:last], Y[first:last], ("X", "O"), **sets)

    model = MODELS[2].clone()
    expected = calibrate(model, X[100:250], Y[100:250])
    assert calibrate(model, [(X[100:170], Y[100:170]), (X[170:250], Y[170:250])]) == expected
    sets = data(0, 60, validation=data(100, 250), test=data(250, 400))
    assert calibrate(model, sets) == calibrate(model, data(100, 250)) == expected
    with pytest.raises(ValueError, match="x has a test set but no validation set, expected held-"):
        calibrate(model, data(0, 60, test=data(250, 400)))
