"""Renaming as Windows needs it: it replaces no file that a program has open."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from cnnx.files import atomic_file


@pytest.mark.parametrize("system", ["nt", "posix"])
def test_windows_waits_until_a_file_is_closed(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [PermissionError(13, "Access is denied")] * 3
    replace = Path.replace

    def refuse(file: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(file, target)

    monkeypatch.setattr(atomic_file, "os", SimpleNamespace(name=system))
    monkeypatch.setattr(Path, "replace", refuse)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    if system == "nt":
        atomic_file.rename(tmp_path / "new", tmp_path / "old")
        assert (tmp_path / "old").read_bytes() == b"new"
    else:
        with pytest.raises(PermissionError):
            atomic_file.rename(tmp_path / "new", tmp_path / "old")
        assert (tmp_path / "old").read_bytes() == b"old"


def test_windows_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied", str(file))

    monkeypatch.setattr(atomic_file, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(atomic_file, "_MOST_WAITED", 0.1)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError, match="Access is denied"):
        atomic_file.rename(tmp_path / "new", tmp_path / "old")
