"""Folders decoded once: in memory or into a mapped file, with progress, skipping on request."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import data
from cnnx.data import Decoding, decoding
from cnnx.data.image import ImageReader
from cnnx.files import file_lock
from numpy.testing import assert_array_equal

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


def cut_within(file: Path) -> None:
    """A file of full size whose download was interrupted."""
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def damage(folder: Path) -> None:
    """One file that is no image, one that is truncated after its header."""
    (folder / "cat" / "1.png").write_text("no image")
    cut = folder / "dog" / "3.jpg"
    cut.write_bytes(cut.read_bytes()[:-40])


def nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(ImageReader, "read", refuse)


def test_a_cache_decodes_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = data.load(folder)
    assert not isinstance(expected.x, np.memmap)
    how = Decoding(cache=tmp_path / "cache")
    first = data.load(folder, decoding=how)
    nothing_is_decoded(monkeypatch)
    second = data.load(folder, decoding=how)
    for loaded in (first, second):
        assert isinstance(loaded.x, np.memmap)
        assert_array_equal(loaded.x, expected.x)
        assert_array_equal(loaded.y, expected.y)
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".json", ".pixels"]


@pytest.mark.parametrize("change", ["time", "size", "name", "shape", "resize", "damaged"])
def test_changed_files_are_decoded_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    how = Decoding(cache=tmp_path / "cache")
    data.load(folder, decoding=how)
    file = folder / "cat" / "2.png"
    if change == "time":
        os.utime(file, ns=(1, 1))
    elif change == "size":
        Image.new("RGB", (10, 12)).save(file)
    elif change == "name":
        file.rename(folder / "cat" / "20.png")
    elif change == "damaged":
        next((tmp_path / "cache").glob("*.pixels")).write_bytes(b"short")
    nothing_is_decoded(monkeypatch)
    shape = (8, 8, 3) if change == "shape" else None
    resize = "fit" if change == "resize" else "stretch"
    with pytest.raises(AssertionError, match="decoded again"):
        data.load(folder, input_shape=shape, resize=resize, decoding=how)


def test_a_changed_set_replaces_the_old_one(folder: Path, tmp_path: Path) -> None:
    how = Decoding(cache=tmp_path / "cache")
    before = data.load(folder, decoding=how)
    smaller = data.load(folder, input_shape=(8, 8, 3), decoding=how)
    first = before.x.copy()
    Image.new("RGB", (10, 12)).save(folder / "cat" / "2.png")
    after = data.load(folder, decoding=how)
    assert not np.array_equal(after.x, first)
    assert_array_equal(before.x, first)  # still mapped
    assert len(list((tmp_path / "cache").glob("*.pixels"))) == 2
    nothing = data.load(folder, input_shape=(8, 8, 3), decoding=how)
    assert nothing.x.shape == smaller.x.shape
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_a_set_above_the_limit_is_stored_in_the_users_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    size = 10 * 12 * 10 * 3
    assert not isinstance(data.load(folder, decoding=Decoding(memory_limit=size)).x, np.memmap)
    assert isinstance(data.load(folder, decoding=Decoding(memory_limit=size - 1)).x, np.memmap)
    assert len(list((tmp_path / "home" / "cnnx").glob("*.pixels"))) == 1


@pytest.mark.parametrize("cached", [False, True])
def test_unreadable_files_are_named_or_skipped(folder: Path, tmp_path: Path, cached: bool) -> None:
    whole = data.load(folder)
    damage(folder)
    cache = tmp_path / "cache" if cached else None
    # With a cache the headers are read first.
    found = r"1 file .*: cat.1\.png;" if cached else r"2 files .*: cat.1\.png, dog.3\.jpg;"
    with pytest.raises(cnnx.FormatError, match=found):
        data.load(folder, decoding=Decoding(cache=cache))
    for _ in range(2):
        loaded = data.load(folder, decoding=Decoding(cache=cache, skip_unreadable=True))
        assert loaded.skipped == (str(Path("cat", "1.png")), str(Path("dog", "3.jpg")))
        readable = [0, 2, 3, 4, 5, 6, 7, 9]
        assert_array_equal(loaded.x, whole.x[readable])
        assert_array_equal(loaded.y, whole.y[readable])
        assert loaded.names == tuple(whole.names[k] for k in readable)
    (folder / "cat" / "1.png").unlink()
    with pytest.raises(cnnx.FormatError, match=r"1 file cannot be read as an image: dog.3\.jpg"):
        data.load(folder, decoding=Decoding(cache=cache))


def test_every_unreadable_file_is_named(folder: Path) -> None:
    cut_within(folder / "cat" / "0.png")
    Image.new("1", (2**20 + 1, 1)).save(folder / "cat" / "2.png")
    names = ["cat/0.png", "cat/2.png"]
    if sys.platform != "win32":
        (folder / "dog" / "4.png").unlink()
        (folder / "dog" / "4.png").symlink_to("gone.png")
        names.append("dog/4.png")
    with pytest.raises(cnnx.FormatError, match=rf"{len(names)} files cannot be .*: cat.0.*cat.2"):
        data.load(folder)
    loaded = data.load(folder, decoding=Decoding(skip_unreadable=True))
    assert loaded.skipped == tuple(str(Path(name)) for name in names)
    assert len(loaded.x) == 10 - len(names)


def test_threads_that_decode_one_set_get_the_same(folder: Path, tmp_path: Path) -> None:
    expected = data.load(folder).x
    for trial in range(5):
        how = Decoding(cache=tmp_path / f"cache-{trial}")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _, how=how: data.load(folder, decoding=how).x, range(4)))
        for x in found:
            assert_array_equal(x, expected)
        assert len(list((tmp_path / f"cache-{trial}").iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_files_of_killed_processes_are_removed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    left, being_written, new = (cache / f"a.part-{number}" for number in range(3))
    for file in (left, being_written, new):
        file.write_bytes(b"pixels")
    for file in (left, being_written):
        os.utime(file, (1, 1))
    with being_written.open("ab") as writer:
        file_lock.hold(writer)
        data.load(folder, decoding=Decoding(cache=cache))
    assert not left.exists()
    assert being_written.exists()
    assert new.exists()


def test_without_a_home_folder_the_error_names_the_variable_to_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(OSError, match=r"no home folder .*, expected \$XDG_CACHE_HOME or Decoding"):
        data.load(folder, decoding=Decoding(memory_limit=0))


def test_a_folder_without_a_readable_image(folder: Path) -> None:
    for file in folder.rglob("*.*"):
        file.write_bytes(b"")
    with pytest.raises(cnnx.FormatError, match="none of its 10 images can be read"):
        data.load(folder, decoding=Decoding(skip_unreadable=True))
    for file in folder.rglob("*.*"):
        Image.effect_noise((10, 12), 50).save(file, "jpeg")
        file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(cnnx.FormatError, match="none of its 10 images can be read"):
        data.load(folder, decoding=Decoding(skip_unreadable=True))


def test_progress_counts_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_FILES_AT_ONCE", 4)
    seen: list[tuple[int, int]] = []
    data.load(folder, decoding=Decoding(progress=lambda *each: seen.append(each)))
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_an_interrupted_decoding_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.load(folder, decoding=Decoding(cache=tmp_path / "cache", progress=stop))
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of resources")
def test_a_full_disk_is_an_error_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """A limit on the file size stands for a full disk."""
    program = (
        "import resource, sys, cnnx\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    cnnx.data.load(sys.argv[1], decoding=cnnx.data.Decoding(cache=sys.argv[2]))\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, folder, tmp_path / "cache"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert str(tmp_path / "cache") in done.stdout
    assert list((tmp_path / "cache").iterdir()) == []


def test_training_from_a_mapped_file_gives_the_bits_of_memory(folder: Path, tmp_path: Path) -> None:
    found = []
    for cache in (None, tmp_path / "cache"):
        loaded = data.load(folder, decoding=Decoding(cache=cache))
        layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
        model = cnnx.Model(layers, input_shape=(12, 10, 3))
        cnnx.Trainer(model).fit(loaded.x, loaded.y, epochs=2, batch_size=3, validation=0.3)
        found.append([array.tobytes() for array in model.parameters.values()])
    assert found[0] == found[1]


def test_refusals() -> None:
    with pytest.raises(TypeError, match="Decoding: progress is 3, expected a function"):
        Decoding(progress=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Decoding: memory_limit is '1G', expected a number of"):
        Decoding(memory_limit="1G")  # type: ignore[arg-type]
