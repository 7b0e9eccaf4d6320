"""`cnnx explain`: its files, its lines and its refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.cli.explain import METHODS
from cnnx.explain import methods
from command_line import Run, start

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


@pytest.fixture
def photos(classes: Path, tmp_path: Path) -> Path:
    """A folder with three images, two of one name."""
    for source, target in (("X", "a.png"), ("O", "deep/a.png"), ("O", "deep-a.png")):
        (tmp_path / "photos" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(next((classes / "test" / source).iterdir()), tmp_path / "photos" / target)
    return tmp_path / "photos"


def names(folder: str) -> list[str]:
    return sorted(file.name for file in Path(folder).iterdir())


def test_an_image_gets_an_overlay_and_a_page(run: Run, model: Path, photos: Path) -> None:
    outcome = run("explain", model, photos / "a.png")
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    predicted = run("predict", model, photos / "a.png").out.strip()
    overlay, page = Path("explanations/a-grad-cam.png"), Path("explanations/a.html")
    assert outcome.out == f"{predicted}\t{overlay}\t{page}\n"
    with Image.open(overlay) as image:
        assert image.size == (256, 256)
        assert image.mode == "RGB"
    text = page.read_text(encoding="utf-8")
    assert "<title>How the network sees a.png</title>" in text
    pixels = np.asarray(Image.open(photos / "a.png"))
    assert text == cnnx.explain.walkthrough(cnnx.load(model), pixels, name="a.png")


def test_files_of_folders_have_names_of_their_own(run: Run, model: Path, photos: Path) -> None:
    outcome = run("explain", model, "photos", "photos/a.png", "--out", "deep/out")
    assert outcome.status == 0, outcome.err
    stems = [line.split("\t")[-1].removesuffix(".html") for line in outcome.out.splitlines()]
    assert stems == [f"deep/out/{name}" for name in ("a", "deep-a", "deep-a-2", "a-2")]
    assert len(names("deep/out")) == 8


def test_options_choose_method_layer_and_class(run: Run, model: Path, photos: Path) -> None:
    words = ("explain", model, photos / "a.png", "--out", "out")
    outcome = run(*words, "--method", "hires-cam", "--layer", "relu_1", "--class", "O")
    assert outcome.status == 0, outcome.err
    page = Path("out/a.html").read_text(encoding="utf-8")
    assert "HiResCAM for O" in page
    pixels = np.asarray(Image.open(photos / "a.png"))
    settings = {"method": "hires-cam", "layer": "relu_1", "classes": "O"}
    assert page == cnnx.explain.walkthrough(cnnx.load(model), pixels, name="a.png", **settings)
    assert names("out") == ["a-hires-cam.png", "a.html"]


def test_the_methods_are_those_of_the_library() -> None:
    assert tuple(methods.METHODS) == METHODS


def test_wrong_files_are_named_and_the_others_explained(
    run: Run, model: Path, photos: Path
) -> None:
    Path("text.png").write_text("not an image")
    Path("empty").mkdir()
    outcome = run("explain", model, "text.png", "empty", photos / "a.png", "missing.png")
    assert outcome.status == 1
    assert outcome.err.splitlines() == [
        "cnnx explain: empty: holds no images",
        "cnnx explain: text.png: cannot be read as an image",
        "cnnx explain: missing.png: no such file or directory",
    ]
    assert names("explanations") == ["a-grad-cam.png", "a.html"]


def test_outputs_that_are_not_finite_are_named(run: Run, model: Path, photos: Path) -> None:
    loaded = cnnx.load(model)
    loaded.parameters[list(loaded.parameters)[-1]] = [np.nan, 0]
    loaded.save("broken.cnnx")
    outcome = run("explain", "broken.cnnx", photos / "a.png")
    assert outcome.status == 1
    assert outcome.err == f"cnnx explain: {photos / 'a.png'}: the model's outputs are not finite\n"
    assert not Path("explanations").exists()


def test_existing_files_are_replaced_only_on_demand(run: Run, model: Path, photos: Path) -> None:
    words = ("explain", model, photos / "a.png")
    assert run(*words).status == 0
    Path("explanations/a.html").write_text("mine")
    run(*words).refused("explanations/a-grad-cam.png exists; add --overwrite to replace it or")
    assert Path("explanations/a.html").read_text() == "mine"
    assert run(*words, "--overwrite").status == 0
    assert Path("explanations/a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--class", "Y"), "--class is Y, expected one of O, X"),
        (("--layer", "relu_9"), "--layer: has no layer 'relu_9', expected relu_"),
        (("--layer", "dense_1"), r"--layer: layer dense_1 has outputs of shape \(64,\)"),
        (("--layer", "relu_1", "--method", "occlusion"), "occlusion explains no layer, expected"),
        (("--out", "file"), "--out file is a file, expected a folder"),
        (("--out", "a.png"), "--out a.png has the name of a file, expected a folder: --out a$"),
        (
            ("b.png", "--out", "p.html"),
            "p.html has the name of a file, expected a folder: --out p$",
        ),
        (("--out", "old.html"), "old.html exists; add --overwrite"),
    ],
)
def test_options_that_do_not_fit(
    run: Run, model: Path, photos: Path, words: tuple[str, ...], sentence: str
) -> None:
    Path("file").write_text("")
    Path("old.html").write_text("")
    shutil.copy(photos / "a.png", "b.png")
    run("explain", model, photos / "a.png", *words).refused(sentence)
    assert not Path("explanations").exists()


def test_the_page_of_one_image_has_the_name_of_out(run: Run, model: Path, photos: Path) -> None:
    outcome = run("explain", model, photos / "a.png", "--out", "pages/why.html")
    assert outcome.out.endswith("\tpages/why-grad-cam.png\tpages/why.html\n")
    assert names("pages") == ["why-grad-cam.png", "why.html"]


def test_an_image_is_not_overwritten(run: Run, model: Path, photos: Path) -> None:
    shutil.copy(photos / "a.png", "b-grad-cam.png")
    shutil.copy(photos / "a.png", "b.png")
    words = ("explain", model, "b.png", "b-grad-cam.png", "--out", ".", "--overwrite")
    run(*words).refused("b-grad-cam.png is one of the images; choose another --out")


def test_other_models_are_refused(run: Run, model: Path, photos: Path) -> None:
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    values = cnnx.Model([cnnx.Conv2d(2, 3), *layers], input_shape=(16, 16, 1))
    cnnx.Trainer(values, loss=cnnx.MSE())
    values.save("values.cnnx")
    run("explain", "values.cnnx", photos / "a.png").refused("predicts values, expected a classif")
    run("explain", "values.cnnx", "missing.png").refused(
        "predicts values, expected a classifier; use cnnx.explain.grad_cam from Python"
    )
    maps = cnnx.Model([cnnx.Conv2d(2, 3)], input_shape=(16, 16, 1))
    cnnx.Trainer(maps, loss=cnnx.MSE())
    maps.save("maps.cnnx")
    run("explain", "maps.cnnx", photos / "a.png").refused("predicts values, expected a classifier")
    run("explain", photos / "a.png", photos / "a.png").refused("this is a PNG image")
    run("explain", "missing.cnnx", photos / "a.png").refused("missing.cnnx: no such file")
    cnnx.Model(layers, input_shape=(16, 16, 1)).save("flat.cnnx")
    run("explain", "flat.cnnx", photos / "a.png").refused(
        "--method grad-cam: the model has no layer with"
    )
    assert run("explain", "flat.cnnx", photos / "a.png", "--method", "saliency").status == 0


def test_without_pillow_one_sentence_says_so(
    run: Run, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    run("explain", model, photos / "a.png").refused("Pillow")


def test_a_closed_pipe_ends_the_command_silently(model: Path, photos: Path, tmp_path: Path) -> None:
    process = start("explain", model, *["photos"] * 30, cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141
