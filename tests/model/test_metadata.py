"""Texts of the user's own in a model: kept by copies and files, refused if they cannot be."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from c_functions import INVALID_ARGUMENT, CApi
from cnnx.cli import main
from model_file_parts import read_parts

TEXTS = {"trained on": "MNIST, Zürich\n\u0000", "licence": "CC0"}


@pytest.fixture
def model() -> cnnx.Model:
    made = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(4, 4, 1), classes=["X", "O"])
    made.metadata = TEXTS
    return made


def through_file(model: cnnx.Model, folder: Path) -> cnnx.Model:
    model.save(folder / "model.cnnx")
    return cnnx.load(folder / "model.cnnx")


def through_checkpoint(model: cnnx.Model, folder: Path) -> cnnx.Model:
    x, y = np.zeros((2, 4, 4, 1), np.float32), np.array([0, 1])
    cnnx.Trainer(model).fit(x, y, epochs=1, checkpoint=folder / "run.ckpt")
    return cnnx.Trainer.resume(folder / "run.ckpt").model


def through_onnx(model: cnnx.Model, folder: Path) -> cnnx.Model:
    pytest.importorskip("onnx")
    cnnx.onnx.save(model, folder / "model.onnx")
    return cnnx.onnx.load(folder / "model.onnx")


def quantized(model: cnnx.Model, folder: Path) -> cnnx.Model:
    return cnnx.quantize(model, np.random.default_rng(0).random((8, 4, 4, 1), np.float32))


@pytest.mark.parametrize(
    "copied",
    [
        through_file,
        through_checkpoint,
        through_onnx,
        quantized,
        lambda model, _: model.clone(),
        lambda model, _: copy.deepcopy(model),
        lambda model, _: pickle.loads(pickle.dumps(model)),
        lambda model, _: model.resized((4, 4)),
        lambda model, _: model.with_classes(["A", "B", "C"]),
        lambda model, _: model.with_preprocessing(cnnx.Preprocessing(mean=0.5, std=0.5)),
    ],
)
def test_copies_keep_the_texts(
    model: cnnx.Model, tmp_path: Path, copied: Callable[[cnnx.Model, Path], cnnx.Model]
) -> None:
    assert copied(model, tmp_path).metadata == TEXTS


def test_a_new_model_has_none_and_its_file_is_as_before(model: cnnx.Model, tmp_path: Path) -> None:
    model.metadata = {}
    assert model.metadata == {}
    model.save(tmp_path / "model.cnnx")
    written = read_parts(tmp_path / "model.cnnx")[0]["__metadata__"]
    assert all(name.startswith("cnnx.") for name in written)


def test_they_are_in_the_metadata_of_safetensors(model: cnnx.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.cnnx")
    written = read_parts(tmp_path / "model.cnnx")[0]["__metadata__"]
    assert {name: written[name] for name in TEXTS} == TEXTS


def test_a_changed_text_is_damage(model: cnnx.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.cnnx"
    path.write_bytes(model._core.to_bytes().replace(b"CC0", b"CC9"))
    with pytest.raises(cnnx.FormatError, match="metadata"):
        cnnx.load(path)


def test_one_is_changed_or_all_are_replaced(model: cnnx.Model) -> None:
    model.metadata["author"] = "Ada"
    assert model.metadata == {**TEXTS, "author": "Ada"}
    assert repr(model.metadata) == repr(dict(sorted({**TEXTS, "author": "Ada"}.items())))
    del model.metadata["licence"]
    assert list(model.metadata) == ["author", "trained on"]
    assert len(model.clone().metadata) == 2
    with pytest.raises(KeyError):
        del model.metadata["licence"]
    with pytest.raises(TypeError, match=r"^metadata: 'epochs' is 3, expected a text"):
        model.metadata["epochs"] = 3  # type: ignore[assignment]
    model.metadata = {"author": "Grace"}
    assert model.metadata == {"author": "Grace"}


@pytest.mark.parametrize(
    ("texts", "error", "sentence"),
    [
        ("CC0", TypeError, "metadata: got 'CC0', expected a dictionary of texts"),
        ({1: "x"}, TypeError, "metadata: a name is 1, expected a text"),
        (
            {"epochs": 3},
            TypeError,
            r"'epochs' is 3, expected a text; json\.dumps\(value\) makes one",
        ),
        ({"": "x"}, ValueError, "set_metadata: a name is empty"),
        ({"x": "\ud800"}, ValueError, r"metadata: '\\ud800' is no text that UTF-8 can encode"),
        ({"\udfff": "x"}, ValueError, r"metadata: '\\udfff' is no text that UTF-8 can encode"),
        ({"cnnx.graph": "x"}, ValueError, '"cnnx.graph" begins with "cnnx."'),
        ({"big": "x" * 2**20}, ValueError, "have 1048579 bytes, expected at most 1048576"),
    ],
)
def test_others_are_refused(
    model: cnnx.Model, texts: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        model.metadata = texts
    assert model.metadata == TEXTS


def test_info_prints_them(
    model: cnnx.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save(tmp_path / "model.cnnx")
    assert main(["info", str(tmp_path / "model.cnnx")]) == 0
    assert "licence        'CC0'" in capsys.readouterr().out


def test_c_reads_and_writes_them(c: CApi, model: cnnx.Model, tmp_path: Path) -> None:
    model.metadata = {"b": "2", "a": "1"}
    model.save(tmp_path / "model.cnnx")
    handle = c.made(c.model_load, tmp_path / "model.cnnx")
    c.ok(c.model_set_metadata(handle, "c", "drei"))
    c.ok(c.model_set_metadata(handle, "a", None))
    status = c.model_set_metadata(handle, "cnnx.graph", "x")
    c.refused(status, INVALID_ARGUMENT, 'begins with "cnnx."')
    c.ok(c.model_save(handle, tmp_path / "model.cnnx"))
    assert c.integer(c.model_metadata_count, handle) == 2
    c.model_destroy(handle)
    assert cnnx.load(tmp_path / "model.cnnx").metadata == {"b": "2", "c": "drei"}
