"""The same bytes of an image give the same bits on the command line, in Python, C++ and C."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cpp_build import build_consumer, run
from quantized_networks import NETWORKS

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")

# Pillow's mode per number of channels, all supported by PNG.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of predictions_cpp and predictions_c, built against the installed package."""
    return build_consumer(
        Path(__file__).parent / "predictions", tmp_path_factory.mktemp("predictions")
    )


@dataclass
class Asked:
    """A saved model, and images in a folder as PNG files and as PAM files."""

    model: Path
    folder: Path
    images: Sequence[Pixels]

    def write(self) -> None:
        for number, pixels in enumerate(self.images):
            height, width, channels = pixels.shape
            image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
            assert image.mode == MODES[channels]
            image.save(self.folder / f"{number:04}.png")
            header = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL 255\nENDHDR\n"
            (self.folder / f"{number:04}.pam").write_bytes(header.encode() + pixels.tobytes())

    def files(self, kind: str) -> list[str]:
        return [f"{number:04}.{kind}" for number in range(len(self.images))]

    def command_line(self) -> Probabilities:
        command = [sys.executable, "-m", "cnnx", "predict", "--json", self.model]
        lines = run([*command, *self.files("png")], cwd=self.folder).splitlines()
        rows = [list(json.loads(line)["probabilities"].values()) for line in lines]
        return as_floats(rows)

    def python(self) -> Probabilities:
        model = cnnx.load(self.model)
        shape, resize = model.input_shape, model.preprocessing.resize
        read = [
            cnnx.data.read_image(self.folder / file, shape, resize=resize)
            for file in self.files("png")
        ]
        return model.predict_proba(np.stack(read))

    def program(self, path: Path) -> Probabilities:
        lines = run([path, self.model, *self.files("pam")], cwd=self.folder).splitlines()
        return as_floats([[float.fromhex(number) for number in line.split()] for line in lines])


def as_floats(rows: list[list[float]]) -> Probabilities:
    """As float32, which represents every number exactly already."""
    exact = np.array(rows)
    floats = exact.astype(np.float32)
    assert (floats == exact).all(), "a number was printed that is no float32"
    return floats


def check_that_all_agree(asked: Asked, programs: Path) -> None:
    asked.write()
    expected = asked.python()
    assert len(np.unique(expected, axis=0)) > 1, "too easy to be a test"
    for name, predictions in (
        ("the command line", asked.command_line()),
        ("C++", asked.program(programs / "predictions_cpp")),
        ("C", asked.program(programs / "predictions_c")),
    ):
        assert predictions.shape == expected.shape, name
        assert predictions.tobytes() == expected.tobytes(), name


def test_a_thousand_digits(mnist_folder: Path, programs: Path, tmp_path: Path) -> None:
    mnist = cnnx.data.load(mnist_folder)
    model = cnnx.models.lenet5((28, 28, 1), [str(digit) for digit in range(10)])
    cnnx.Trainer(model).fit(mnist.x[:10_000], mnist.y[:10_000], epochs=1)
    model.save(tmp_path / "digits.cnnx")
    images = mnist.test.x[:1000]
    asked = Asked(tmp_path / "digits.cnnx", tmp_path, list(images.reshape(1000, 28, 28, 1)))
    check_that_all_agree(asked, programs)
    accuracy = (asked.python().argmax(axis=1) == mnist.test.y[:1000]).mean()
    assert accuracy > 0.9, "too untrained to be a test"


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_and_kind(
    channels: int, resize: str, programs: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = cnnx.Model(
        [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(5)],
        input_shape=(20, 24, channels),
        classes=list("abcde"),
        preprocessing=cnnx.Preprocessing(resize, mean=0.4, std=0.3),
        seed=1,
    )
    model.temperature = 0.3
    model.save(tmp_path / "model.cnnx")
    images = [
        rng.integers(0, 256, (height, width, kind), dtype=np.uint8)
        for height, width in ((20, 24), (7, 5), (1, 1), (64, 64), (33, 97), (240, 24))
        for kind in MODES
    ]
    check_that_all_agree(Asked(tmp_path / "model.cnnx", tmp_path, images), programs)


def test_one_output_predicts_two_classes(programs: Path, tmp_path: Path) -> None:
    x, y = cnnx.data.xo(64, seed=1)
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=(32, 32, 1), classes=["X", "O"])
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy()).fit(x, y, epochs=2)
    model.temperature = 1.5
    model.save(tmp_path / "xo.cnnx")
    asked = Asked(tmp_path / "xo.cnnx", tmp_path, list(x[:20]))
    asked.write()
    second = asked.python()[:, 0]
    expected = np.stack([1 - second, second], axis=1)
    assert asked.command_line().tobytes() == expected.tobytes()
    for name in ("predictions_cpp", "predictions_c"):
        assert asked.program(programs / name).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_quantized_models(name: str, programs: Path, tmp_path: Path) -> None:
    model = NETWORKS[name]()
    model.save(tmp_path / "model.cnnx")
    rng = np.random.default_rng(7)
    sizes = [(*model.input_shape[:2], 3), (31, 9, 3)]
    images = [rng.integers(0, 256, size, dtype=np.uint8) for size in 4 * sizes]
    check_that_all_agree(Asked(tmp_path / "model.cnnx", tmp_path, images), programs)
