"""cnnx.data on image files: decoding by Pillow, class folders, and the sets beside them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import data
from cnnx.data.image import image_shape
from cnnx.files.regular_file import open_descriptor
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def write_class(folder: Path, count: int, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    """`count` images of one shade each, the first dark, the next lighter."""
    folder.mkdir(parents=True)
    for index in range(count):
        shade = 40 * index if mode == "L" else (40 * index, 0, 0)
        Image.new(mode, size, shade).save(folder / f"{index}.png")


# --- one image


def test_read_image_keeps_the_pixels(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(RGB).save(tmp_path / "rgb.png")
    assert_array_equal(data.read_image(tmp_path / "grey.png", (4, 6, 1))[..., 0], GREY)
    assert_array_equal(data.read_image(tmp_path / "rgb.png", (4, 6, 3)), RGB)
    grey_as_rgb = data.read_image(tmp_path / "grey.png", (4, 6, 3))
    assert_array_equal(grey_as_rgb, np.repeat(GREY[..., np.newaxis], 3, axis=-1))


def test_read_image_narrows_16_bit_grey(tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 257
    wide[0, 0] = 128  # below half of one step
    Image.fromarray(wide).save(tmp_path / "wide.png")
    expected = GREY.copy()
    expected[0, 0] = 0
    assert_array_equal(data.read_image(tmp_path / "wide.png", (4, 6, 1))[..., 0], expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_read_image_takes_every_common_mode(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (6, 4))
    file = tmp_path / ("image.tif" if mode in ("CMYK", "YCbCr") else "image.png")
    image.save(file)
    try:
        with Image.open(file) as saved:
            saved.load()
    except OSError:
        pytest.skip(f"this version of Pillow cannot read the {mode} file that it wrote")
    for channels in (1, 3):
        pixels = data.read_image(file, (4, 6, channels))
        assert pixels.shape == (4, 6, channels)
        assert pixels.dtype == np.uint8


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.webp"])
@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (6, np.rot90(GREY, -1)),  # the camera was upright: rotate clockwise for display
        (3, np.rot90(GREY, 2)),
        (9, GREY),  # no orientation
    ],
)
def test_read_image_applies_the_exif_orientation(
    tmp_path: Path, name: str, orientation: int, turned: NDArray[np.uint8]
) -> None:
    folder = tmp_path / "folder" / "turned"
    folder.mkdir(parents=True)
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = orientation
    if name.endswith("webp"):  # has no grey mode
        image.convert("RGB").save(folder / name, exif=exif, lossless=True)
    else:
        image.save(folder / name, exif=exif)
    pixels = data.read_image(folder / name, (*turned.shape, 1))
    assert_array_equal(pixels[..., 0], turned)
    write_class(tmp_path / "folder" / "other", 1, size=turned.shape[::-1])
    channels = 3 if name.endswith("webp") else 1
    assert data.open_source(tmp_path / "folder").train.input_shape == (*turned.shape, channels)


@pytest.mark.parametrize("exif", [b"garbage!!", b"", b"Exif\0\0MM"])
def test_damaged_exif_data_are_ignored(tmp_path: Path, exif: bytes) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        Image.fromarray(RGB).save(tmp_path / name, exif=exif, lossless=True)
        assert data.read_image(tmp_path / name, (4, 6, 3)).shape == (4, 6, 3)
        assert image_shape(tmp_path / name) == (4, 6, 3)


def test_the_shape_comes_from_the_header_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "a.jpg", "a.webp", "a.gif", "a.tiff"):
        Image.fromarray(RGB).save(tmp_path / name)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    for file in tmp_path.iterdir():
        assert image_shape(file) == (4, 6, 3)


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
def test_read_image_resizes_in_the_core(tmp_path: Path, resize: str) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    expected = cnnx._core.resize_image(RGB, 5, 5, 3, resize)
    assert_array_equal(data.read_image(tmp_path / "a.png", (5, 5, 3), resize=resize), expected)


def test_read_image_refuses_by_name(tmp_path: Path) -> None:
    file = tmp_path / "text.png"
    file.write_text("not an image")
    with pytest.raises(cnnx.FormatError, match=r"text\.png: cannot be read as an image"):
        data.read_image(file, (4, 6, 1))
    Image.fromarray(np.zeros((40, 40), np.float32), mode=None).save(tmp_path / "real.tif")
    with pytest.raises(cnnx.FormatError, match=r"real\.tif: holds real numbers of no known range"):
        data.read_image(tmp_path / "real.tif", (4, 6, 1))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(cnnx.FormatError, match=r"text\.png: cannot be read as an image"):
        data.read_image(file, (4, 6, 1))
    Image.new("1", (2**20 + 1, 1)).save(file)
    with pytest.raises(cnnx.FormatError, match=r"text\.png: is 1 x 1048577, expected sides up to"):
        data.read_image(file, (4, 6, 1))
    with pytest.raises(FileNotFoundError):
        data.read_image(tmp_path / "missing.png", (4, 6, 1))


# --- a folder of classes


def test_load_folder_sorts_classes_and_files(tmp_path: Path) -> None:
    write_class(tmp_path / "dog", 2)
    write_class(tmp_path / "cat", 3)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("left alone")
    (tmp_path / "cat" / ".DS_Store.png").write_text("left alone")
    loaded = data.load_folder(tmp_path)
    assert loaded.classes == ("cat", "dog")
    assert loaded.x.shape == (5, 4, 6, 1)
    assert loaded.x[:, 0, 0, 0].tolist() == [0, 40, 80, 0, 40]
    assert loaded.y.tolist() == [0, 0, 0, 1, 1]


def test_load_folder_chooses_a_shape_that_fits_all(tmp_path: Path) -> None:
    write_class(tmp_path / "a", 1)
    write_class(tmp_path / "b", 1, size=(6, 5), mode="RGB")
    assert data.load_folder(tmp_path).x.shape == (2, 64, 64, 3)
    assert data.load_folder(tmp_path, input_shape=(8, 8, 1)).x.shape == (2, 8, 8, 1)


def test_load_folder_names_every_unreadable_file(tmp_path: Path) -> None:
    write_class(tmp_path / "a", 2)
    write_class(tmp_path / "b", 2)
    (tmp_path / "a" / "x.png").write_text("no image")
    (tmp_path / "b" / "y.jpg").write_bytes(b"")
    with pytest.raises(
        cnnx.FormatError,
        match=re.escape(f"{tmp_path}: 2 files cannot be read as an image: ")
        + r"a.x\.png, b.y\.jpg; replace or remove$",
    ):
        data.load_folder(tmp_path)


def test_load_folder_describes_the_expected_folder(tmp_path: Path) -> None:
    with pytest.raises(cnnx.FormatError, match="nor a subfolder of images for each class"):
        data.load_folder(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(cnnx.FormatError, match="put each class into its own subfolder"):
        data.load_folder(tmp_path)
    write_class(tmp_path / "cat", 1)
    (tmp_path / "dog").mkdir()
    with pytest.raises(cnnx.FormatError, match=r"dog: holds no images \(\.bmp"):
        data.load_folder(tmp_path)


# --- the sets beside it


def test_open_source_finds_train_validation_and_test(tmp_path: Path) -> None:
    write_class(tmp_path / "train" / "cat", 3)
    write_class(tmp_path / "train" / "dog", 3)
    write_class(tmp_path / "validation" / "cat", 1)
    write_class(tmp_path / "test" / "dog", 2)  # a set may lack a class
    for path in (tmp_path, tmp_path / "train"):
        loaded = data.load(path)
        assert loaded.classes == ("cat", "dog")
        assert loaded.validation is not None
        assert loaded.validation.y.tolist() == [0]
        assert loaded.test is not None
        assert loaded.test.y.tolist() == [1, 1]


def test_open_source_takes_a_class_named_train_for_a_class(tmp_path: Path) -> None:
    write_class(tmp_path / "train", 1)
    write_class(tmp_path / "tram", 1)
    assert data.open_source(tmp_path).train.classes == ("train", "tram")


def test_open_source_refuses_a_class_only_the_test_set_has(tmp_path: Path) -> None:
    write_class(tmp_path / "train" / "cat", 1)
    write_class(tmp_path / "test" / "cow", 1)
    with pytest.raises(cnnx.FormatError, match=r"has the subfolder cow, expected only .*: cat"):
        data.open_source(tmp_path)


def test_open_source_keeps_the_order_of_a_models_classes(tmp_path: Path) -> None:
    write_class(tmp_path / "O", 1)
    write_class(tmp_path / "X", 1)
    assert data.open_source(tmp_path, ("X", "O")).train.load().y.tolist() == [1, 0]
    write_class(tmp_path / "numbers" / "7", 1)
    for ten in (10, np.int64(10)):
        assert data.open_source(tmp_path / "numbers", ten).train.load().y.tolist() == [7]


def test_a_folder_for_a_model_without_class_names_is_named_by_numbers(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", 1)
    sentence = (
        r"has the subfolder cat, expected only classes known already: 0, 1, 2, 3, 4 and 995 more; "
        r"give each subfolder the number of its class as its name$"
    )
    with pytest.raises(cnnx.FormatError, match=sentence):
        data.open_source(tmp_path, 1000)


def test_open_source_of_a_file_or_of_nothing(tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(b"")
    with pytest.raises(cnnx.FormatError, match="is a file, expected the folder that holds"):
        data.open_source(file)
    with pytest.raises(FileNotFoundError):
        data.open_source(tmp_path / "missing")


# --- folders in folders


def test_images_in_subfolders_belong_to_their_class(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", 1)
    write_class(tmp_path / "cat" / "siamese", 2)
    write_class(tmp_path / "cat" / ".hidden", 1)
    write_class(tmp_path / "dog" / "large" / "old", 3)
    write_class(tmp_path / "__MACOSX" / "cat", 1)
    if sys.platform != "win32":
        (tmp_path / "cat" / "siamese" / "loop").symlink_to(tmp_path, target_is_directory=True)
    source = data.open_source(tmp_path)
    assert source.train.classes == ("cat", "dog")
    loaded = source.load()
    assert loaded.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert loaded.x[:, 0, 0, 0].tolist() == [0, 0, 40, 0, 40, 80]


def test_jpeg_files_have_all_their_extensions(tmp_path: Path) -> None:
    for name in ("a.jfif", "b.JPE", "c.jpeg", "d.jpg"):
        for folder in ("cat", "dog"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(RGB).save(tmp_path / folder / name, format="JPEG")
    assert len(data.load(tmp_path).y) == 8


def test_images_of_other_formats_draw_a_warning(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", 2)
    write_class(tmp_path / "dog", 2)
    for name in ("phone.HEIC", "more/web.avif", ".hidden.avif", "notes.txt"):
        file = tmp_path / "dog" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"any")
    with pytest.warns(cnnx.Warning) as warned:
        images = data.load(tmp_path)
    assert len(images.y) == 4
    assert [str(each.message) for each in warned] == [
        f"{tmp_path}: 2 images of other formats, such as {Path('dog', 'phone.HEIC')}, cannot be "
        "read; convert them to PNG or JPEG"
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("Train", "TEST"), (False, True)),
        (("training", "testing", "valid"), (True, True)),
        (("train", "Val"), (True, False)),
        (("train",), (False, False)),
        (("train", "test", "documents"), (False, True)),
    ],
    ids=str,
)
def test_the_sets_may_have_other_names(
    tmp_path: Path, names: tuple[str, ...], found: tuple[bool, bool]
) -> None:
    for name in names:
        write_class(tmp_path / name / "cat", 1)
    for path in (tmp_path, tmp_path / names[0]):
        loaded = data.load(path)
        assert loaded.classes == ("cat",)
        assert (loaded.validation is not None, loaded.test is not None) == found


def test_class_counts(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", 2)
    write_class(tmp_path / "dog", 3)
    source = data.open_source(tmp_path, ("dog", "cow", "cat"))
    assert source.load().class_counts == {"dog": 3, "cow": 0, "cat": 2}
    assert data.Dataset(np.zeros((2, 1, 1, 1), np.uint8), np.array([1, 1]), 2).class_counts == {
        "0": 0,
        "1": 2,
    }


def test_each_small_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_class(tmp_path / "cat", 3)
    opened = []

    def count(path: Any) -> Any:
        opened.append(Path(path).name)
        return open_descriptor(path)

    monkeypatch.setattr("cnnx.data.image.open_descriptor", count)
    source = data.open_source(tmp_path)
    assert opened == []
    assert source.train.input_shape == (4, 6, 1)
    assert source.load().x.shape == (3, 4, 6, 1)
    assert opened == ["0.png", "0.png", "1.png", "2.png"]  # the first one for the common shape
    assert source.load().x.shape == (3, 4, 6, 1)
    assert len(opened) == 7
