"""The file of `cnnx.playground.write` and `cnnx playground`, and what they refuse."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import cnnx
import numpy as np
import pytest
import quantized_networks
from cnnx import cli
from cnnx.playground import page, wasm_module

MODULE = b"\0asm, a stand-in for the module"


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for cnnx.wasm, which only browsers run."""
    file = tmp_path / "cnnx.wasm"
    file.write_bytes(MODULE)
    monkeypatch.setattr(wasm_module, "WASM_MODULE", file)
    page._packed_module.cache_clear()
    monkeypatch.chdir(tmp_path)
    yield file
    page._packed_module.cache_clear()


@pytest.fixture(scope="module")
def model() -> cnnx.Model:
    return cnnx.models.small((12, 10, 1), ["X", "O"])


def embedded(text: str, name: str) -> str:
    """The content of the element with this id."""
    found = re.search(rf'<script[^>]* id="{name}"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found, name
    return found[1].strip()


def test_the_page_holds_module_model_and_images(model: cnnx.Model) -> None:
    pixels = np.arange(2 * 120, dtype=np.uint8).reshape(2, 12, 10, 1)
    cnnx.playground.write("page.html", model, images=pixels / 255, title="X & <O>")
    text = Path("page.html").read_text(encoding="utf-8")
    assert "<title>X &amp; &lt;O&gt;</title>" in text
    assert gzip.decompress(base64.b64decode(embedded(text, "module"))) == MODULE
    content = gzip.decompress(base64.b64decode(embedded(text, "model")))
    assert content == model._core.to_bytes()
    samples = json.loads(embedded(text, "samples"))
    assert [each["name"] for each in samples] == ["image 1", "image 2"]
    assert [base64.b64decode(each["pixels"]) for each in samples] == [p.tobytes() for p in pixels]
    assert not re.search(r"\{(title|style|page_style|module|model|samples|worker|script)\}", text)


def test_the_page_computes_in_float32(model: cnnx.Model) -> None:
    rounded = model.clone()
    rounded._core.compute_dtype = "bfloat16"
    cnnx.playground.write("page.html", rounded)
    text = Path("page.html").read_text(encoding="utf-8")
    content = gzip.decompress(base64.b64decode(embedded(text, "model")))
    assert content == model._core.to_bytes()
    assert rounded.compute_dtype == "bfloat16"


def test_the_same_model_gives_the_same_bytes(model: cnnx.Model) -> None:
    for name in ("a.html", "b.html"):
        cnnx.playground.write(name, model)
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()


def test_an_installation_without_the_module_says_how_to_get_it(
    model: cnnx.Model, module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module.unlink()
    sentence = "cnnx was installed without its WebAssembly module; install emscripten, on Debian"
    with pytest.raises(FileNotFoundError, match=sentence):
        cnnx.playground.write("page.html", model)
    model.save("model.cnnx")
    assert cli.main(["playground", "model.cnnx"]) == 1
    assert capsys.readouterr().err.startswith(f"cnnx playground: {sentence}")
    assert not Path("playground.html").exists()


def test_models_that_are_no_classifiers_are_refused(model: cnnx.Model) -> None:
    values = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(4, 4, 1))
    trainer = cnnx.Trainer(values, loss=cnnx.MSE())
    trainer.step(np.zeros((1, 4, 4, 1), np.uint8), np.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"^write: the model predicts values, expected a classif"):
        cnnx.playground.write("page.html", values)
    maps = cnnx.Model([cnnx.Conv2d(2, 1)], input_shape=(4, 4, 1))
    with pytest.raises(ValueError, match=r"^write: the model's output has shape \(4, 4, 2\), exp"):
        cnnx.playground.write("page.html", maps)
    with pytest.raises(TypeError, match=r"^write: model is 'model.cnnx', expected a cnnx\.Model"):
        cnnx.playground.write("page.html", "model.cnnx")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^write: title is 3, expected text"):
        cnnx.playground.write("page.html", model, title=3)  # type: ignore[arg-type]


def test_quantized_models_are_refused() -> None:
    """A page changes filters and trains."""
    sentence = r"^write: conv2d_1.weight is int8, expected .*: write the page of the model that was"
    with pytest.raises(ValueError, match=sentence):
        cnnx.playground.write("page.html", quantized_networks.plain())


def test_too_many_images_and_a_large_model(model: cnnx.Model) -> None:
    with pytest.raises(ValueError, match=r"^write: images holds 25 images, expected at most 24"):
        cnnx.playground.write("page.html", model, images=np.zeros((25, 12, 10, 1), np.uint8))
    large = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2000), cnnx.Dense(2)], input_shape=(30, 30, 1))
    with pytest.warns(cnnx.Warning, match=r"^write: the model has 7\.2 MB, expected at most 5 MB"):
        cnnx.playground.write("page.html", large)


def test_the_command_embeds_image_files(
    model: cnnx.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    model.save("xo.cnnx")
    image.fromarray(np.full((24, 20), 77, np.uint8)).save("grey.png")
    Path("broken.png").write_bytes(b"no image")
    assert cli.main(["playground", "xo.cnnx", "--images", "grey.png", "--out", "a.html"]) == 0
    assert capsys.readouterr().out == "saved a.html\n"
    text = Path("a.html").read_text(encoding="utf-8")
    (found,) = json.loads(embedded(text, "samples"))
    assert (found["name"], base64.b64decode(found["pixels"])) == ("grey.png", bytes([77] * 120))
    assert "<title>xo</title>" in text
    assert cli.main(["playground", "xo.cnnx", "--title", "X or O?", "--out", "c.html"]) == 0
    assert "<title>X or O?</title>" in Path("c.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out == "saved c.html\n"
    assert cli.main(["playground", "xo.cnnx", "--out", "a.html"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    words = ["playground", "xo.cnnx", "--images", "broken.png", "--out", "b.html"]
    assert cli.main(words) == 1
    assert "broken.png" in capsys.readouterr().err
