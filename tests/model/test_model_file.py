"""The model file: a round trip preserves every bit, and an interrupted save loses nothing."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from model_file_parts import make_model, read_parts
from python_process import run_python

Images: TypeAlias = "npt.NDArray[np.uint8]"


@pytest.fixture
def images(rng: np.random.Generator) -> Images:
    return rng.integers(0, 256, (7, 9, 8, 2), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.cnnx"
    make_model().save(path)
    return path


# Round trips.


def test_round_trip_keeps_every_bit(tmp_path: Path, images: Images) -> None:
    model = make_model(seed=3)
    path = tmp_path / "m.cnnx"
    model.save(path)
    loaded = cnnx.load(path)

    assert loaded(images).tobytes() == model(images).tobytes()
    assert loaded.predict_proba(images).tobytes() == model.predict_proba(images).tobytes()
    assert list(loaded.predict(images)) == list(model.predict(images))
    assert list(loaded.parameters) == list(model.parameters)
    for name, array in model.parameters.items():
        assert loaded.parameters[name].tobytes() == array.tobytes()
        assert loaded.parameters[name].shape == array.shape
    assert loaded.input_shape == (9, 8, 2)
    assert loaded.classes == ["X", "O", "naïve ☃"]
    assert loaded.preprocessing.resize == "fit"
    assert loaded.preprocessing == model.preprocessing
    assert loaded.summary() == model.summary()

    again = tmp_path / "again.cnnx"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_special_numbers_survive_a_round_trip(saved: Path) -> None:
    model = cnnx.load(saved)
    # A NaN with a payload, minus zero, the smallest subnormal: bits, not text.
    numbers = np.array([0x7FC12345, 0x80000000, 0x00000001], dtype=np.uint32).view(np.float32)
    model.parameters["dense_1.bias"] = numbers
    model.save(saved)
    assert cnnx.load(saved).parameters["dense_1.bias"].tobytes() == numbers.tobytes()


@pytest.mark.parametrize("last", [cnnx.Softmax(), cnnx.Sigmoid()], ids=["softmax", "sigmoid"])
def test_probabilities_survive_saving(last: cnnx.Layer, tmp_path: Path, images: Images) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2), last], input_shape=(9, 8, 2))
    model.save(tmp_path / "m.cnnx")
    loaded = cnnx.load(tmp_path / "m.cnnx")
    assert loaded.classes is None
    assert loaded.predict_proba(images).tobytes() == model(images).tobytes()


def test_the_loss_decides_the_saved_kind_of_probabilities(tmp_path: Path, images: Images) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(9, 8, 2))
    trainer = cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    trainer.step(images, np.arange(7) % 2)
    model.save(tmp_path / "m.cnnx")
    loaded = cnnx.load(tmp_path / "m.cnnx")
    assert loaded.predict_proba(images).tobytes() == model.predict_proba(images).tobytes()
    np.testing.assert_allclose(
        loaded.predict_proba(images), 1 / (1 + np.exp(-model(images))), rtol=1e-5
    )


def test_a_loaded_model_continues_training_with_the_same_bits(saved: Path, images: Images) -> None:
    labels = np.arange(7) % 3
    models = [make_model(), cnnx.load(saved)]
    losses = [[cnnx.Trainer(model).step(images, labels) for _ in range(3)] for model in models]
    assert losses[0] == losses[1]
    assert models[0](images).tobytes() == models[1](images).tobytes()


def test_every_safetensors_reader_opens_it(saved: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    numpy = pytest.importorskip("safetensors.numpy")
    arrays = numpy.load_file(saved)
    model = cnnx.load(saved)
    for name, array in model.parameters.items():
        assert arrays[name].dtype == np.float32
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()
    with safetensors.safe_open(saved, "numpy") as file:
        metadata = file.metadata()
    assert metadata["cnnx.format"] == "1"
    assert json.loads(metadata["cnnx.classes"]) == model.classes
    assert json.loads(metadata["cnnx.graph"])["input_shape"] == [9, 8, 2]
    assert len(json.loads(metadata["cnnx.graph"])["nodes"]) == 9


def test_a_file_that_another_writer_rewrote_is_read(
    saved: Path, tmp_path: Path, images: Images
) -> None:
    safetensors = pytest.importorskip("safetensors")
    numpy = pytest.importorskip("safetensors.numpy")
    with safetensors.safe_open(saved, "numpy") as file:
        metadata = file.metadata()
    other = tmp_path / "other.safetensors"
    numpy.save_file(dict(reversed(numpy.load_file(saved).items())), other, metadata=metadata)
    assert cnnx.load(other)(images).tobytes() == cnnx.load(saved)(images).tobytes()


def test_unaligned_data_is_read(saved: Path, tmp_path: Path, images: Images) -> None:
    header, data = read_parts(saved)
    odd = tmp_path / "odd.cnnx"
    text = json.dumps(header).encode()
    text += b" " * (1 + len(text) % 2)  # the floats begin at an odd offset
    odd.write_bytes(struct.pack("<Q", len(text)) + text + data)
    assert cnnx.load(odd)(images).tobytes() == cnnx.load(saved)(images).tobytes()


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_model()
    paths: list[str | Path] = ["here.cnnx", Path("naïve ☃.cnnx"), "no ending"]
    for path in paths:
        model.save(path)
        assert cnnx.load(path).classes == model.classes
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "here.cnnx",
        "naïve ☃.cnnx",
        "no ending",
    ]


# Files that cannot be read or written.


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot read .*absent\.cnnx"):
        cnnx.load(tmp_path / "absent.cnnx")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot read"):
        cnnx.load(tmp_path)
    with pytest.raises(OSError, match="cannot write"):
        make_model().save(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("read", [cnnx.load, cnnx.Trainer.resume])
def test_pipes_and_devices_are_refused_without_waiting(read: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(cnnx.FormatError, match=f"^{path}: this is not a regular file$"):
            read(path)


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    make_model(seed=1).save(folder / "m.cnnx")
    (tmp_path / "latest.cnnx").symlink_to("runs/m.cnnx")
    make_model(seed=2).save(tmp_path / "latest.cnnx")
    assert (tmp_path / "latest.cnnx").is_symlink()
    assert [path.name for path in folder.iterdir()] == ["m.cnnx"]
    images = np.ones((1, 9, 8, 2), np.float32)
    expected = make_model(seed=2)(images).tobytes()
    assert cnnx.load(folder / "m.cnnx")(images).tobytes() == expected
    assert cnnx.load(tmp_path / "latest.cnnx")(images).tobytes() == expected


def test_saving_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="its folder does not exist"):
        make_model().save(tmp_path / "absent" / "m.cnnx")
    assert not any(tmp_path.iterdir())


SAVE_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from full_disk import half_the_size_of
from model_file_parts import make_model

path = Path(sys.argv[1])
with half_the_size_of(path):
    try:
        make_model(seed=1).save(path)
    except OSError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_old_file(saved: Path) -> None:
    pytest.importorskip("resource", reason="no RLIMIT_FSIZE on this system")
    before = saved.read_bytes()
    error = run_python("-c", SAVE_ON_A_FULL_DISK, str(saved))
    assert re.search(r"cannot write .*m\.cnnx", error)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write everywhere"
)
def test_an_unwritable_folder_keeps_the_old_file(saved: Path) -> None:
    before = saved.read_bytes()
    saved.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match=r"m\.cnnx"):
            make_model(seed=1).save(saved)
    finally:
        saved.parent.chmod(0o755)
    assert saved.read_bytes() == before


def test_a_process_killed_while_saving_leaves_a_whole_file(saved: Path) -> None:
    program = """
import sys, cnnx
models = [cnnx.load(sys.argv[1]) for _ in range(2)]
models[1].parameters["dense_1.bias"] = [1.0, 2.0, 3.0]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1])
"""
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(saved)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.kill()
        assert list(cnnx.load(saved).parameters["dense_1.bias"]) in ([0, 0, 0], [1, 2, 3])
    make_model().save(saved)
    assert list(saved.parent.iterdir()) == [saved], "temporary files of the killed processes stay"


@pytest.mark.parametrize(("extension", "program"), [("pt", "PyTorch"), ("h5", "Keras")])
def test_the_extension_of_another_format_draws_a_warning(
    extension: str, program: str, tmp_path: Path
) -> None:
    file = tmp_path / f"model.{extension}"
    sentence = rf"^save: path is .*, the name of a file of {program}, .* such as '.*model\.cnnx'$"
    with pytest.warns(cnnx.Warning, match=sentence):
        make_model().save(file)
    assert cnnx.load(file).output_shape == make_model().output_shape
