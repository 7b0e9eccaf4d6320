"""Images in every form that predictions and training accept: the bits of the same pixels."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.data import read_image
from numpy.testing import assert_array_equal

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

SHAPE = (8, 6, 3)
CLASSES = ["cat", "dog", "fox"]
RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (4, *SHAPE), dtype=np.uint8)
LARGE = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)
anything: Any = cnnx


@pytest.fixture
def model() -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(3)]
    how = cnnx.Preprocessing("crop", (0.4, 0.5, 0.6), 0.25)
    return cnnx.Model(layers, input_shape=SHAPE, classes=CLASSES, preprocessing=how)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """PNG files of `PIXELS`."""
    paths = [tmp_path / f"{index}.png" for index in range(len(PIXELS))]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


# Form of a batch -> the images in it.
FORMS: dict[str, Callable[[list[Path]], Any]] = {
    "paths": lambda files: files,
    "texts": lambda files: tuple(map(str, files)),
    "array-of-texts": lambda files: np.array(list(map(str, files))),
    "array-of-paths": lambda files: np.array(files, dtype=object),
    "opened": lambda files: [Image.open(file) for file in files],
    "in-memory": lambda files: [Image.fromarray(pixels) for pixels in PIXELS],
    "mixed": lambda files: [files[0], Image.open(files[1]), str(files[2]), files[3]],
    "list-of-arrays": lambda files: list(PIXELS),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_bits_of_the_array(
    model: cnnx.Model, files: list[Path], form: str
) -> None:
    def given() -> Any:
        return FORMS[form](files)

    assert_array_equal(model(given()), model(PIXELS))
    assert_array_equal(model.predict(given()), model.predict(PIXELS))
    assert_array_equal(model.predict_proba(given()), model.predict_proba(PIXELS))
    for name, array in model.layer_outputs(given()).items():
        assert_array_equal(array, model.layer_outputs(PIXELS)[name])
    labels = [0, 1, 2, 1]
    trainer = cnnx.Trainer(model)
    assert trainer.evaluate(given(), labels) == trainer.evaluate(PIXELS, labels)
    both = [cnnx.Trainer(model.clone()) for _ in range(2)]
    for each, x in zip(both, (given(), PIXELS), strict=True):
        each.fit(x, labels, epochs=1, batch_size=2)
        each.step(x if form != "opened" else given(), labels)
    assert_array_equal(both[0].model(PIXELS), both[1].model(PIXELS))


def test_one_image_gives_one_prediction(model: cnnx.Model, files: list[Path]) -> None:
    for one in (files[2], str(files[2]), Image.open(files[2]), np.array(str(files[2]))):
        assert model.predict(one) == model.predict(PIXELS[2])
        assert_array_equal(model.predict_proba(one), model.predict_proba(PIXELS[2]))
    trainer = cnnx.Trainer(model)
    expected = trainer.evaluate(PIXELS[2], 1)
    for one in (files[2], Image.open(files[2])):
        assert trainer.evaluate(one, 1) == trainer.evaluate(one, "dog") == expected


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "1"])
def test_other_sizes_and_modes_are_those_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], resize: Any, mode: str
) -> None:
    from cnnx import cli

    layers = [cnnx.Flatten(), cnnx.Dense(3)]
    how = cnnx.Preprocessing(resize)
    model = cnnx.Model(layers, input_shape=SHAPE, classes=CLASSES, preprocessing=how)
    model.save(tmp_path / "m.cnnx")
    image = Image.fromarray(LARGE).convert(mode)
    image.save(tmp_path / "a.png")
    pixels = read_image(tmp_path / "a.png", SHAPE, resize=resize)
    expected = model.predict_proba(pixels)
    for one in (tmp_path / "a.png", Image.open(tmp_path / "a.png"), image):
        assert_array_equal(model.predict_proba(one), expected)
    assert cli.main(["predict", str(tmp_path / "m.cnnx"), str(tmp_path / "a.png"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["probabilities"].values()) == expected.tolist()


def test_a_rotated_photograph_is_turned_upright(tmp_path: Path, model: cnnx.Model) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(LARGE).save(tmp_path / "a.jpg", exif=exif, quality=95)
    expected = model(read_image(tmp_path / "a.jpg", SHAPE, resize="crop"))
    assert_array_equal(model(tmp_path / "a.jpg"), expected)
    # The reader may decode a large JPEG file at a part of its size; an opened one is whole.
    assert model(Image.open(tmp_path / "a.jpg")) == pytest.approx(expected, abs=0.2)
    turned = np.ascontiguousarray(np.rot90(LARGE, 3))
    Image.fromarray(LARGE).save(tmp_path / "a.png", exif=exif)
    assert_array_equal(model(Image.open(tmp_path / "a.png")), model(Image.fromarray(turned)))


def test_many_files_are_read_in_order(model: cnnx.Model, files: list[Path]) -> None:
    order = RNG.integers(0, len(files), 100)
    assert_array_equal(model([files[index] for index in order]), model(PIXELS[order]))


def test_grey_images_suit_a_model_of_one_channel(tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(8, 6, 1))
    grey = PIXELS[0, :, :, :1]
    Image.fromarray(grey[..., 0]).save(tmp_path / "a.png")
    for one in (tmp_path / "a.png", Image.open(tmp_path / "a.png")):
        assert_array_equal(model(one), model(grey))
        assert_array_equal(model([one]), model(grey[np.newaxis]))


class OfDLPack:
    """An array that only DLPack gives."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **settings: Any) -> Any:
        return self.array.__dlpack__(**settings)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class OfArray:
    """An array that `__array__` gives."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


class Tensor(OfArray):
    """What cnnx uses of a tensor of PyTorch: a conversion that gradients or a device refuse."""

    def __init__(self, array: Any, refusal: str = "") -> None:
        super().__init__(array)
        self.refusal = refusal

    def detach(self) -> Tensor:
        return self if self.refusal.startswith("can't convert cuda") else Tensor(self.array)

    def permute(self, *axes: int) -> Tensor:
        return Tensor(self.array.transpose(axes))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.refusal:
            raise TypeError(self.refusal)
        return self.array


@pytest.mark.parametrize("wrap", [OfArray, OfDLPack, Tensor, lambda a: Tensor(a, "has gradients")])
def test_tensors_have_the_bits_of_their_arrays(model: cnnx.Model, wrap: Any) -> None:
    floats = PIXELS / np.float32(255)
    for array in (PIXELS, floats):
        assert_array_equal(model(wrap(array)), model(array))
        assert_array_equal(model([wrap(each) for each in array]), model(array))
        assert_array_equal(model(wrap(array[0])), model(array[0]))


def test_tensors_of_pytorch(model: cnnx.Model) -> None:
    torch = pytest.importorskip("torch")
    floats = torch.from_numpy(PIXELS / np.float32(255)).requires_grad_()
    assert_array_equal(model(floats), model(floats.detach().numpy()))
    assert_array_equal(model(list(floats)), model(floats.detach().numpy()))
    with pytest.raises(ValueError, match=r": x\.permute\(0, 2, 3, 1\)$"):
        model.predict(floats.permute(0, 3, 1, 2))
    with pytest.raises(TypeError, match=r"BFloat16.*such as x\.float\(\)\.cpu\(\)$"):
        model.predict(floats.bfloat16())


EXPECTED = (
    "expected an array of images, the path of an image file, an image of Pillow, or a list of these"
)
REFUSALS: list[tuple[Callable[[cnnx.Model, list[Path]], object], str]] = [
    (
        lambda model, files: model.predict(Tensor(PIXELS.transpose(0, 3, 1, 2))),
        r"^predict: x has shape \(4, 3, 8, 6\), channels first; expected images of shape "
        r"\(8, 6, 3\): x\.permute\(0, 2, 3, 1\)$",
    ),
    (
        lambda model, files: model([Tensor(each) for each in PIXELS.transpose(0, 3, 1, 2)]),
        r"^model: x .*: torch\.stack\(x\)\.permute\(0, 2, 3, 1\)$",
    ),
    (
        lambda model, files: model.predict(PIXELS[0].transpose(2, 0, 1)),
        r"^predict: .*: x\.transpose\(1, 2, 0\)$",
    ),
    (
        lambda model, files: model.predict(Tensor(PIXELS, "can't convert cuda:0 device type.\nA")),
        r"^predict: x is a Tensor that NumPy cannot read \(can't convert cuda:0 device type\), "
        r"expected numbers in main memory, such as x\.float\(\)\.cpu\(\)$",
    ),
    (
        lambda model, files: model.predict([files[0], PIXELS[0]]),
        r"^predict: x holds \S+Path\('.* beside an array of shape \(8, 6, 3\), expected "
        "files and images of Pillow alone, or arrays alone$",
    ),
    (
        lambda model, files: model.predict(files[0].parent),
        r"^predict: x is the folder '.*', expected image files: "
        r"sorted\(pathlib\.Path\('.*'\)\.rglob\('\*\.png'\)\)$",
    ),
    (
        lambda model, files: cnnx.Trainer(model).evaluate([files[0].parent, files[1]], [0, 1]),
        r"^evaluate: x holds the folder '.*', expected image files: ",
    ),
    (
        lambda model, files: cnnx.Trainer(model).evaluate(files[0].parent, [0, 1]),
        r"^evaluate: y is \[0, 1\], expected none with '.*', which has labels$",
    ),
    (lambda model, files: model.predict("gone.png"), r"gone\.png"),
    (lambda model, files: cnnx.Trainer(model).evaluate("gone.png", "cat"), r"gone\.png"),
    (
        lambda model, files: model.predict([*files, Path(__file__)]),
        r"test_image_like\.py: cannot be read as an image$",
    ),
    (
        lambda model, files: model.predict(Image.fromarray(LARGE[..., 0].astype(np.float32))),
        "^predict: x is an image of Pillow that holds real numbers of no known range; save it",
    ),
    (
        lambda model, files: model.predict(Image.fromarray(LARGE[..., 0].astype(np.int32))),
        r"^predict: x is an image of Pillow that holds 32 bits per pixel with levels up to 25\d, "
        r'expected levels up to 65535, or 8 bits per pixel: image\.convert\("L"\)$',
    ),
    (
        lambda model, files: model.predict(cnnx.data.Dataset(PIXELS, np.zeros(4, int), 3)),
        rf"^predict: x is Dataset\(.*\), {EXPECTED}: dataset\.x$",
    ),
    (
        lambda model, files: model(files[0].read_bytes()),
        rf"^model: x is b'.*, {EXPECTED}: PIL\.Image\.open\(io\.BytesIO\(x\)\)$",
    ),
    (
        lambda model, files: model.predict(io.BytesIO(files[0].read_bytes())),
        rf"^predict: x is <_io.BytesIO .*, {EXPECTED}: PIL\.Image\.open\(x\)$",
    ),
    (
        lambda model, files: model.predict(iter(PIXELS)),
        rf"^predict: x is <.*, {EXPECTED}: list\(x\)$",
    ),
    (lambda model, files: model.predict(None), rf"^predict: x is None, {EXPECTED}$"),
    (
        lambda model, files: model.predict((PIXELS, np.zeros(4, int))),
        rf"^predict: x is a pair of arrays, {EXPECTED}, without labels: x\[0\]$",
    ),
    (
        lambda model, files: model.predict([truncated(files[0])]),
        "^predict: x holds an image of Pillow that cannot be read as an image$",
    ),
]


def truncated(file: Path) -> Any:
    """An image of Pillow whose file ends early."""
    content = file.read_bytes()
    return Image.open(io.BytesIO(content[: len(content) // 2]))


@pytest.mark.parametrize(("call", "sentence"), REFUSALS)
def test_refusals(
    model: cnnx.Model,
    files: list[Path],
    call: Callable[[cnnx.Model, list[Path]], object],
    sentence: str,
) -> None:
    with pytest.raises((ValueError, TypeError, OSError), match=sentence) as caught:
        call(model, files)
    assert "\n" not in str(caught.value)


def test_batches_of_files_train(model: cnnx.Model, files: list[Path]) -> None:
    same = cnnx.Trainer(model.clone())
    same.fit([(PIXELS[:2], [0, 1]), (PIXELS[2:], [2, 0])], epochs=1)
    trainer = cnnx.Trainer(model)
    trainer.fit([(files[:2], [0, 1]), (list(map(Image.open, files[2:])), [2, 0])], epochs=1)
    assert_array_equal(trainer.model(PIXELS), same.model(PIXELS))
