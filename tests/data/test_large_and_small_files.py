"""Small JPEG and PNG files, read from their headers, and large images, decoded in less memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import data
from cnnx.data.image import image_shape
from numpy.testing import assert_array_equal

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
PngImagePlugin = pytest.importorskip("PIL.PngImagePlugin")
ImageOps = pytest.importorskip("PIL.ImageOps")


def jpeg_variants() -> dict[str, bytes]:
    """JPEG files of one noisy image by what is special about them."""
    pixels = np.random.default_rng(0).integers(0, 256, (37, 51, 3), dtype=np.uint8)
    colour, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    settings: dict[str, tuple[Any, dict[str, Any]]] = {
        "plain": (colour, {}),
        "grey": (grey, {}),
        "progressive": (colour, {"progressive": True}),
        "4:4:4": (colour, {"subsampling": 0}),
        "4:2:2": (colour, {"subsampling": 1}),
        "optimised": (colour, {"optimize": True, "quality": 30}),
        "restart markers": (colour, {"restart_marker_blocks": 1}),
        "comment": (colour, {"comment": b"\xff\xda" * 9}),
        "profile": (colour, {"icc_profile": b"profile" * 9}),
        "turned": (colour, {"exif": exif}),
        "cmyk": (colour.convert("CMYK"), {}),
        "rgb in the file": (colour, {"keep_rgb": True}),
    }
    files = {}
    for name, (image, options) in settings.items():
        file = io.BytesIO()
        image.save(file, "JPEG", **options)
        files[name] = file.getvalue()
    files["text at the end"] = files["plain"] + b"text"
    files["padding"] = b"\xff\xd8\xff" + files["plain"][2:]
    return files


@pytest.mark.parametrize("name", jpeg_variants())
def test_a_small_jpeg_file_has_pillows_shape_and_pixels(tmp_path: Path, name: str) -> None:
    content = jpeg_variants()[name]
    file = tmp_path / "image.jpg"
    file.write_bytes(content)
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        pixels = np.asarray(upright if upright.mode == "L" else upright.convert("RGB"))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    assert image_shape(file) == pixels.shape
    read = data.read_image(file, pixels.shape)
    assert_array_equal(read, pixels)
    assert read.flags.writeable
    expected = cnnx._core.resize_image(pixels, 20, 30, 3, "crop")
    assert_array_equal(data.read_image(file, (20, 30, 3), resize="crop"), expected)


def png_variants() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Images that PNG stores in different ways, and settings of the file."""
    pixels = np.random.default_rng(0).integers(0, 256, (37, 51, 4), dtype=np.uint8)
    colour, grey = Image.fromarray(pixels[..., :3].copy()), Image.fromarray(pixels[..., 0].copy())
    text, turned = PngImagePlugin.PngInfo(), PngImagePlugin.PngInfo()
    text.add_text("Comment", "a text")
    turned.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "colour": (colour, {}),
        "grey": (grey, {}),
        "alpha": (Image.fromarray(pixels), {}),
        "grey and alpha": (Image.fromarray(pixels).convert("LA"), {}),
        "palette": (colour.quantize(16), {}),
        "transparent colour": (colour, {"transparency": (1, 2, 3)}),
        "transparent level": (grey, {"transparency": int(pixels[3, 3, 0])}),
        "1 bit": (grey.convert("1"), {}),
        "16 bits": (Image.fromarray(pixels[..., 0].astype(np.uint16) * 250), {}),
        "profile": (colour, {"icc_profile": b"profile" * 9, "dpi": (72, 72)}),
        "text": (colour, {"pnginfo": text}),
        "turned by XMP": (colour, {"pnginfo": turned}),
        "turned": (colour, {"exif": exif}),
    }


@pytest.mark.parametrize("name", png_variants())
def test_a_small_png_file_has_the_pixels_of_a_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    image, settings = png_variants()[name]
    file = tmp_path / "image.png"
    image.save(file, **settings)
    shape = image_shape(file)
    reads = [((*shape[:2], 3), "stretch"), ((*shape[:2], 1), "stretch"), ((20, 30, 3), "crop")]
    small = [data.read_image(file, size, resize=resize) for size, resize in reads]
    monkeypatch.setattr("cnnx.data.image.MOST_BYTES", 0)
    assert shape == image_shape(file)
    for found, (size, resize) in zip(small, reads, strict=True):
        assert found.flags.writeable
        assert_array_equal(found, data.read_image(file, size, resize=resize))


@pytest.mark.parametrize("name", ["colour", "grey", "alpha", "profile"])
def test_a_usual_png_file_takes_the_fast_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    image, settings = png_variants()[name]
    image.save(tmp_path / "image.png", **settings)

    def refuse(*_: object) -> None:
        raise AssertionError("opened by Pillow")

    monkeypatch.setattr("PIL.Image.open", refuse)
    assert data.read_image(tmp_path / "image.png", (37, 51, 3)).shape == (37, 51, 3)


def test_a_cut_png_file_is_refused_within_its_pixels(tmp_path: Path) -> None:
    image, _ = png_variants()["colour"]
    file = tmp_path / "image.png"
    image.save(file)
    whole = file.read_bytes()
    for length in (*range(1, 50), *range(50, len(whole) - 40, 97)):
        file.write_bytes(whole[:length])
        with pytest.raises(cnnx.FormatError, match=r"image\.png: cannot be read as an image"):
            data.read_image(file, (37, 51, 3))


def test_a_cut_jpeg_file_is_refused_anywhere(tmp_path: Path) -> None:
    whole = jpeg_variants()["plain"]
    file = tmp_path / "image.jpg"
    for length in (*range(1, 40), *range(40, len(whole) - 1, 29)):
        file.write_bytes(whole[:length])
        with pytest.raises(cnnx.FormatError, match=r"image\.jpg: cannot be read as an image"):
            data.read_image(file, (37, 51, 3))


@pytest.mark.parametrize("limit", ["small", "large"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_file_is_decoded_at_twice_the_size_of_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, limit: str
) -> None:
    if limit == "large":  # leave all files to PIL.Image.open
        monkeypatch.setattr("cnnx.data.image.MOST_BYTES", 0)
    file = tmp_path / "image.jpg"
    rows, columns = np.mgrid[0:333, 0:444]
    waves = (127 + 60 * np.sin(rows / 40) + 60 * np.cos(columns / 30)).astype(np.uint8)
    Image.fromarray(waves).convert(mode).save(file)
    channels = 1 if mode == "L" else 3
    with Image.open(file) as image:
        pixels = np.asarray(image).reshape(333, 444, channels)
    for size, scale in (((84, 111), 1), ((83, 111), 2), ((42, 55), 2), ((41, 55), 4), ((8, 8), 8)):
        with Image.open(file) as image:
            image.draft(mode, (image.width // scale, image.height // scale))
            drafted = np.asarray(image).reshape(-(-333 // scale), -(-444 // scale), channels)
        read = data.read_image(file, (*size, channels))
        expected = cnnx._core.resize_image(drafted, *size, channels, "stretch")
        assert_array_equal(read, expected)
        exact = cnnx._core.resize_image(pixels, *size, channels, "stretch")
        difference = np.abs(read.astype(int) - exact)
        assert difference.max() <= 8
        assert difference.mean() <= 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_a_large_image_is_converted_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (23, 9, 4), dtype=np.uint8)
    image = Image.fromarray(pixels[..., 0]) if mode.startswith("I") else Image.fromarray(pixels)
    file = tmp_path / ("image.png" if mode == "P" else "image.tif")
    image = image.convert(mode)
    if mode == "I":  # levels of 16 bits
        image = Image.fromarray(np.asarray(image) * 257)
    image.save(file, **({"transparency": 7} if mode == "P" else {}))
    whole = data.read_image(file, (23, 9, 3))
    monkeypatch.setattr("cnnx.data.image._PIXELS_AT_ONCE", 60)
    assert_array_equal(data.read_image(file, (23, 9, 3)), whole)
    assert len(np.unique(whole)) > 1


def test_an_image_above_pillows_limit_is_refused_with_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (23, 9)).save(tmp_path / "a.bmp")
    expected = r"a\.bmp: has 207 pixels, expected at most 200; shrink it, or set PIL\.Image\.MAX_IM"
    with pytest.raises(cnnx.FormatError, match=expected + r"AGE_PIXELS = 104$"):
        data.read_image(tmp_path / "a.bmp", (9, 23, 1))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 104)
    with pytest.warns(Image.DecompressionBombWarning):
        assert data.read_image(tmp_path / "a.bmp", (9, 23, 1)).shape == (9, 23, 1)


def test_an_image_above_the_memory_limit_is_refused_with_the_limit(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 2000)).save(tmp_path / "a.png")
    size = 1000 * 2000 * 8
    read = data.read_image(tmp_path / "a.png", (9, 23, 1), memory_limit=size)
    assert read.shape == (9, 23, 1)
    expected = rf"an image of 2000 x 1000 takes {size} bytes of memory, expected at most {size - 1}"
    with pytest.raises(cnnx.FormatError, match=expected):
        data.read_image(tmp_path / "a.png", (9, 23, 1), memory_limit=size - 1)


def test_threads_decode_large_images_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restore_threads: None
) -> None:
    (tmp_path / "cat").mkdir()
    for index in range(8):
        Image.new("RGB", (1000, 1000), (index, 0, 0)).save(tmp_path / "cat" / f"{index}.png")
    monkeypatch.setattr("cnnx.data.memory._MOST_AT_ONCE", 16_000_000)
    monkeypatch.setattr("cnnx.data.decoding._SMALL_FILE", 0)
    decoding: list[int] = []
    most = [0]
    convert = cnnx.data.image._pixels

    def count(image: Any) -> Any:
        decoding.append(1)
        most[0] = max(most[0], len(decoding))
        try:
            return convert(image)
        finally:
            decoding.pop()

    monkeypatch.setattr("cnnx.data.image._pixels", count)
    cnnx.set_num_threads(4)
    loaded = data.load(tmp_path, input_shape=(8, 8, 3))
    assert loaded.x[:, 0, 0, 0].tolist() == list(range(8))
    assert most[0] <= 2
