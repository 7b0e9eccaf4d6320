"""A graph that differs from the model is not written, and a failed write leaves the old file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.files.atomic_file import replace_file
from cnnx.onnx.export_layers import EXPORTERS
from cnnx.onnx.graph_builder import LayerExport, Signal
from small_models import small

OLD = b"\x08the old file"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(OLD)
    return path


def assert_old_file_alone(file: Path) -> None:
    assert file.read_bytes() == OLD
    assert [*file.parent.iterdir()] == [file]


# The check.


def double(layer: LayerExport) -> Signal:
    return layer.last("Gemm", layer.x, layer.parameter("weight", lambda array: 2 * array))


WRONG = {
    "another operator": ("relu", lambda layer: layer.last("Sigmoid", layer.x)),
    "no operator": ("relu", lambda layer: layer.inputs[0]),
    "other weights": ("dense", double),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_graph_that_computes_something_else_is_not_written(
    case: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, exporter = WRONG[case]
    monkeypatch.setitem(EXPORTERS, kind, exporter)
    sentence = r"^save: the outputs of the ONNX graph differ from the model's by \S+, expected at"
    with pytest.raises(ValueError, match=sentence):
        cnnx.onnx.save(small(), file)
    assert_old_file_alone(file)


def test_outputs_of_infinity_and_nan_are_compared(tmp_path: Path) -> None:
    model = small()
    model.parameters["dense_1.bias"] = [np.inf, np.nan, 0.0]
    cnnx.onnx.save(model, tmp_path / "model.onnx")


# The file.


def failing_parts() -> Iterator[bytes]:
    yield b"the beginning of a new file"
    raise MemoryError("no memory for the rest")


def test_a_failed_write_leaves_the_old_file(file: Path) -> None:
    with pytest.raises(MemoryError, match="no memory"):
        replace_file(str(file), failing_parts())
    assert_old_file_alone(file)


def test_the_permissions_of_the_old_file_stay(file: Path) -> None:
    file.chmod(0o640)
    replace_file(str(file), [b"new ", memoryview(b"file")])
    assert file.read_bytes() == b"new file"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays(file: Path) -> None:
    link = file.with_name("link.onnx")
    link.symlink_to(file.name)
    replace_file(str(link), [b"new"])
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_something_else_than_a_file_is_refused(file: Path) -> None:
    pipe = file.with_name("pipe")
    os.mkfifo(pipe)
    for path in (pipe, file.parent):
        with pytest.raises(OSError, match=str(path)):
            replace_file(str(path), [b"new"])
    pipe.unlink()
    assert_old_file_alone(file)


def test_files_of_killed_saves_are_removed(file: Path) -> None:
    """Those of the same name, after a minute."""
    with pytest.raises(OSError, match="No such"):
        replace_file(str(file.parent / "missing" / "file"), [b"new"])
    names: list[str] = []

    def look() -> Iterator[bytes]:
        names.extend(each.name for each in file.parent.iterdir() if each != file)
        yield b"new"

    replace_file(str(file), look())
    (temporary,) = names
    old, young = file.with_name(temporary), file.with_name(temporary.replace("-", "-0", 2))
    for each in (old, young):
        each.write_bytes(b"")
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    replace_file(str(file), [b"newer"])
    assert not old.exists()
    assert young.exists()
