"""The cache file of decoded pixels: damage, permissions, and a mapped file that is cut short."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import data
from cnnx.data import Decoding
from cnnx.training.callback_base import Callback
from numpy.testing import assert_array_equal


def cache_files(folder: Path) -> tuple[Path, Path]:
    """The pixels and the metadata of the only set."""
    (pixels,) = folder.glob("*.pixels")
    return pixels, pixels.with_suffix(".json")


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_files_are_closed_before_they_are_renamed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no file that is open or mapped."""
    replace = Path.replace
    renamed = []

    def check(file: Path, target: Path) -> Path:
        open_files = {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}
        assert str(file.resolve()) not in open_files
        assert str(file.resolve()) not in Path("/proc/self/maps").read_text(encoding="utf-8")
        renamed.append(target.suffix)
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", check)
    data.load(folder, decoding=Decoding(cache=tmp_path / "cache"))
    assert renamed == [".pixels", ".json"]


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_flipped_bit_of_the_pixels_is_decoded_again(
    folder: Path, tmp_path: Path, place: int
) -> None:
    how = Decoding(cache=tmp_path / "cache")
    expected = data.load(folder, decoding=how).x.copy()
    flip(cache_files(tmp_path / "cache")[0], place)
    assert_array_equal(data.load(folder, decoding=how).x, expected)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"3", b'{"unreadable": []}', b"[" * 100_000, b"\xff\xfe"),
        *(b'{"digest": "", "unreadable": [[1, ""]], "checksum": 0}', b'{"digest": 1e999}'),
    ],
    ids=str,
)
def test_damaged_metadata_are_replaced(folder: Path, tmp_path: Path, content: bytes) -> None:
    how = Decoding(cache=tmp_path / "cache")
    expected = data.load(folder, decoding=how).x.copy()
    metadata = cache_files(tmp_path / "cache")[1]
    whole = metadata.read_bytes()
    metadata.write_bytes(content)
    assert_array_equal(data.load(folder, decoding=how).x, expected)
    assert metadata.read_bytes() == whole


def test_every_flipped_bit_of_the_metadata_is_found(folder: Path, tmp_path: Path) -> None:
    (folder / "cat" / "1.png").write_bytes((folder / "cat" / "2.png").read_bytes()[:-20])
    how = Decoding(cache=tmp_path / "cache", skip_unreadable=True)
    first = data.load(folder, decoding=how)
    metadata = cache_files(tmp_path / "cache")[1]
    for place in range(len(metadata.read_bytes())):
        flip(metadata, place)
        again = data.load(folder, decoding=how)
        assert_array_equal(again.x, first.x)
        assert again.skipped == first.skipped


def test_files_above_a_limit_are_tried_again(folder: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (1500, 1500)).save(folder / "cat" / "large.png")
    (folder / "dog" / "1.png").write_bytes(b"damaged")

    def load(limit: int) -> data.Dataset:
        how = Decoding(cache=tmp_path / "cache", skip_unreadable=True, memory_limit=limit)
        return data.load(folder, input_shape=(12, 10, 3), decoding=how)

    damaged, large = (str(Path(*names)) for names in (("dog", "1.png"), ("cat", "large.png")))
    assert load(4 << 20).skipped == (large, damaged)
    before = cache_files(tmp_path / "cache")[1].stat().st_mtime_ns
    assert load(4 << 20).skipped == (large, damaged)
    assert cache_files(tmp_path / "cache")[1].stat().st_mtime_ns == before
    loaded = load(1 << 30)
    assert (loaded.skipped, len(loaded.x)) == ((damaged,), 10)
    assert load(4 << 20).skipped == (damaged,)  # nothing is decoded


@pytest.mark.skipif(sys.platform == "win32", reason="files have no permissions for others")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "expected"),
    [(0o755, 0o644, 0o644), (0o700, 0o644, 0o600), (0o755, 0o600, 0o600), (0o755, 0o640, 0o640)],
)
def test_a_cache_is_as_private_as_the_images(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder_mode: int,
    file_mode: int,
    expected: int,
) -> None:
    monkeypatch.setattr(Path, "resolve", lambda path: path.relative_to(tmp_path))
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    folder.chmod(0o755)
    (folder / "cat").chmod(folder_mode)
    (folder / "cat" / "1.png").chmod(file_mode)
    before = os.umask(0o022)
    try:
        data.load(folder, decoding=Decoding(cache=tmp_path / "cache"))
    finally:
        os.umask(before)
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "cache").iterdir()}
    assert modes == {expected}


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be cut short there")
def test_a_mapped_file_cut_short_is_an_error(folder: Path, tmp_path: Path) -> None:
    """Reading beyond the end of the file would end the process."""
    loaded = data.load(folder, decoding=Decoding(cache=tmp_path / "cache"))
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(12, 10, 3)))
    os.truncate(cache_files(tmp_path / "cache")[0], 0)
    expected = r"x is mapped from a file of 3600 bytes that was cut short to 0; load the data again"
    with pytest.raises(cnnx.FormatError, match=f"fit: {expected}"):
        trainer.fit(loaded.x[1:], loaded.y[1:], epochs=1)
    with pytest.raises(cnnx.FormatError, match=f"fit: validation: {expected}"):
        trainer.fit(np.zeros((2, 12, 10, 3)), [0, 1], validation=(loaded.x, loaded.y), epochs=1)
    with pytest.raises(cnnx.FormatError, match=f"evaluate: {expected}"):
        trainer.evaluate(loaded.x, loaded.y)
    with pytest.raises(cnnx.FormatError, match=f"predict: {expected}"):
        trainer.model.predict(loaded.x)


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be cut short there")
def test_a_mapped_file_cut_short_between_epochs_is_an_error(folder: Path, tmp_path: Path) -> None:
    loaded = data.load(folder, decoding=Decoding(cache=tmp_path / "cache"))
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(12, 10, 3)))

    class Cut(Callback):
        def on_epoch_end(self, *_: object) -> None:
            os.truncate(cache_files(tmp_path / "cache")[0], 0)

    with pytest.raises(cnnx.FormatError, match="fit: x is mapped from a file of 3600 bytes"):
        trainer.fit(loaded.x, loaded.y, epochs=2, callbacks=[Cut()])
    assert len(trainer.history) == 1
