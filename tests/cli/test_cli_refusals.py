"""The command line's refusals and interruptions: one sentence, the correct status, no lost work."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import cnnx
import pytest
from cnnx.cli.errors import UserError
from cnnx.cli.outputs import save_model
from command_line import PROGRAM, Run, start

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


# --- custom networks

NETWORK = """
import cnnx
from cnnx.layers import Dense, Flatten

def network(input_shape, classes):
    return cnnx.Model(
        [Flatten(), Dense(len(classes))], input_shape=input_shape, classes=classes
    )

def nameless(input_shape, classes):
    return cnnx.Model([Flatten(), Dense(len(classes))], input_shape=input_shape)

def wrong(input_shape, classes):
    return input_shape / 2

def nothing(input_shape, classes):
    pass

def custom(input_shape, classes):
    square = cnnx.layers.Custom(lambda x: x * x, lambda g, x: 2 * g * x, lambda shape: shape)
    layers = [square, Flatten(), Dense(len(classes))]
    return cnnx.Model(layers, input_shape=input_shape, classes=classes)

def small(input_shape, classes):
    return network((9, 9, input_shape[2]), classes)
"""


def test_train_a_custom_network(run: Run, idx: Path, classes: Path) -> None:
    Path("mine.py").write_text(NETWORK)
    assert run("train", classes, "--model", "mine.py:network", "--epochs", 1).status == 0
    assert cnnx.load("model.cnnx").classes == ["O", "X"]
    words = ("train", idx, "--model", "mine.py:nameless", "--epochs", 1, "--overwrite")
    assert run(*words).status == 0
    assert cnnx.load("model.cnnx").classes is None


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("large", "--model large is unknown; use .*fast_cifar, lenet5, .* or FILE.py:function"),
        ("gone.py:network", "there is no file gone.py"),
        ("mine.py:gone", "mine.py defines no function gone"),
        ("mine.py:wrong", r"mine\.py, line 14: TypeError: unsupported operand"),
        ("mine.py:nothing", "returned NoneType, expected a cnnx.Model"),
        ("mine.py:nameless", "pass the function's second argument on"),
        (
            "mine.py:custom",
            r"--model mine\.py:custom: a file cannot hold .* functions of layer custom_1",
        ),
        ("broken.py:network", r"broken\.py, line 2: SyntaxError"),
    ],
)
def test_train_says_what_is_wrong_with_a_network(
    run: Run,
    classes: Path,
    choice: str,
    sentence: str,
) -> None:
    Path("mine.py").write_text(NETWORK)
    Path("broken.py").write_text("\ndef network(:\n")
    run("train", classes, "--model", choice).refused(sentence)
    assert not Path("model.cnnx").exists()


def test_train_refuses_a_network_of_another_size(run: Run, classes: Path) -> None:
    Path("mine.py").write_text(NETWORK)
    sentence = r"--size is 32 32, but --model mine\.py:small returned a model of 9 x 9"
    run("train", classes, "--size", 32, "--model", "mine.py:small").refused(sentence)


# --- data, files, packages


def test_train_refuses_an_existing_output_before_it_starts(run: Run, idx: Path) -> None:
    Path("model.cnnx").write_text("precious")
    run("train", idx).refused("model.cnnx exists; add --overwrite to replace it")
    assert Path("model.cnnx").read_text() == "precious"
    assert run("train", idx, "--epochs", 1, "--overwrite").status == 0
    assert cnnx.load("model.cnnx").input_shape == (16, 16, 1)


def test_train_refuses_an_output_it_could_not_write(run: Run, idx: Path, tmp_path: Path) -> None:
    run("train", idx, "--out", tmp_path).refused("is a folder, expected a file")
    run("train", idx, "--out", "gone/model.cnnx").refused("there is no folder gone; make it first")


def test_train_refuses_a_source_without_images(run: Run, tmp_path: Path) -> None:
    run("train", "gone").refused("gone: no such file or directory")
    (tmp_path / "empty").mkdir()
    run("train", "empty").refused("empty: holds neither IDX files .* nor a subfolder of images")
    Path("file.zip").write_text("")
    run("train", "file.zip").refused("is a file, expected the folder that holds the data")


def test_train_refuses_a_truncated_idx_file(run: Run, idx: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    for file in idx.iterdir():
        content = file.read_bytes()
        cut = len(content) // 2 if "train-images" in file.name else len(content)
        (folder / file.name).write_bytes(content[:cut])
    run("train", folder).refused(
        r"train-images-idx3-ubyte\.gz: the compressed data is .* cut short"
    )


def test_train_refuses_a_text_file_renamed_png(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("L", (16, 16)).save(tmp_path / "pets" / name / "1.png")
    (tmp_path / "pets" / "a" / "2.png").write_text("not an image")
    run("train", "pets").refused(r"pets: 1 file cannot be read as an image: a.2\.png; replace")
    outcome = run("train", "pets", "--skip-unreadable", "--epochs", 1, "--validation", 0)
    assert outcome.status == 0, outcome.err
    assert outcome.err.startswith(f"skipped as unreadable: {Path('a', '2.png')}\n")


def test_train_refuses_a_single_class(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    Image.new("L", (16, 16)).save(tmp_path / "pets" / "cat" / "1.png")
    run("train", "pets").refused("pets: has a single class, expected at least two")


def test_train_refuses_images_too_small_for_the_network(run: Run, classes: Path) -> None:
    outcome = run("train", classes, "--model", "lenet", "--size", 4)
    outcome.refused("--model lenet for images of 4 x 4: ")


@pytest.mark.parametrize("command", ["evaluate", "predict", "info"])
def test_a_wrong_model_file_is_refused(run: Run, command: str, idx: Path) -> None:
    more = [] if command == "info" else [idx]
    run(command, "gone.cnnx", *more).refused("gone.cnnx: [Nn]o such file or directory")
    Path("text.cnnx").write_text("not a model, but long enough to hold a header of some kind")
    run(command, "text.cnnx", *more).refused("text.cnnx")


def test_evaluate_refuses_other_classes(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    run("evaluate", model, "pets").refused("has the subfolder cat, expected only .* O, X")


def test_a_missing_extra_is_reported_with_its_install_command(
    run: Run,
    model: Path,
    classes: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    for words in (
        ("train", classes),
        ("doctor", classes),
        ("evaluate", model, classes),
        ("predict", model, "a.png"),
    ):
        run(*words).refused("needs Pillow: run .* -m pip install pillow")


def test_a_model_that_cannot_be_saved_where_it_should_is_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = cnnx.models.small((16, 16, 1), 2)
    with pytest.raises(Exception, match=r"could not be written .*; the model is in .*a\.cnnx"):
        save_model(model, tmp_path / "gone" / "a.cnnx", overwrite=False)
    (saved,) = tmp_path.glob("cnnx-*/a.cnnx")
    assert cnnx.load(saved).input_shape == (16, 16, 1)
    (tmp_path / "b.cnnx").write_text("came while we trained")
    path = save_model(model, tmp_path / "b.cnnx", overwrite=False)
    assert path == tmp_path / "b-2.cnnx"
    assert (tmp_path / "b.cnnx").read_text() == "came while we trained"


# --- Ctrl-C, in a process of its own


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of a POSIX terminal")
@pytest.mark.parametrize(
    ("name", "status", "existing"),
    [("SIGINT", 130, False), ("SIGINT", 130, True), ("SIGTERM", 143, False), ("SIGHUP", 129, True)],
)
def test_a_signal_keeps_the_model_trained_so_far(
    idx: Path, tmp_path: Path, name: str, status: int, existing: bool
) -> None:
    if existing:
        (tmp_path / "model.cnnx").write_text("precious")
    overwrite = ["--overwrite"] if existing else []
    process = start("train", idx, "--epochs", 100_000, *overwrite, cwd=tmp_path)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("epoch 1/100000:"), first
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in err
    path = "model-2.cnnx" if existing else "model.cnnx"
    last = err.splitlines()[-1]
    second = "model-3.cnnx" if existing else "model-2.cnnx"
    line = re.fullmatch(
        rf"cnnx train: interrupted; the model as trained so far \([\d,]+ steps?\) is in {path}; "
        rf"train it further with {PROGRAM} (train \S+ --init {path} --out {second})",
        last,
    )
    assert line is not None
    assert cnnx.load(tmp_path / path).input_shape == (16, 16, 1)
    if existing:
        assert (tmp_path / "model.cnnx").read_text() == "precious"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX signal")
def test_an_ignored_hangup_stays_ignored(idx: Path, tmp_path: Path) -> None:
    """As under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("train", idx, "--epochs", 4, cwd=tmp_path)
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_a_model_saved_elsewhere_follows_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("model.cnnx", "model-2.cnnx"):
        (tmp_path / name).symlink_to(tmp_path / "planted")
    with pytest.raises(UserError, match=r"the model is in (.*) instead") as caught:
        save_model(
            cnnx.models.small((16, 16, 1), 2), tmp_path / "gone" / "model.cnnx", overwrite=False
        )
    assert not (tmp_path / "planted").exists()
    saved = Path(str(caught.value).removesuffix(" instead").split("the model is in ")[1])
    assert saved.is_file()
    assert saved.parent.parent == tmp_path
    assert saved.parent.stat().st_mode & 0o077 == 0
    path = save_model(cnnx.models.small((16, 16, 1), 2), tmp_path / "model.cnnx", overwrite=False)
    assert path == tmp_path / "model-3.cnnx"
    assert not (tmp_path / "planted").exists()


def test_a_link_at_out_stays_and_its_target_is_replaced(run: Run, idx: Path) -> None:
    Path("target.cnnx").write_text("old")
    Path("link.cnnx").symlink_to("target.cnnx")
    words = ("train", idx, "--epochs", 1, "--out", "link.cnnx")
    run(*words).refused("link.cnnx exists; add --overwrite to replace it or choose another --out")
    assert run(*words, "--overwrite").status == 0
    assert Path("link.cnnx").is_symlink()
    assert cnnx.load("target.cnnx").input_shape == (16, 16, 1)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX pipe")
def test_a_closed_pipe_ends_the_command_silently(
    model: Path, classes: Path, tmp_path: Path
) -> None:
    files = [str(file) for file in (classes / "train").rglob("*.png")] * 60
    process = start("predict", model, *files, cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141
