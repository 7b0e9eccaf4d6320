"""Small files that the programs of the documentation read, made for tests.

Not part of the package. `FILES` maps the name that a page uses to the function that writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
from cnnx.weights.layer_arrays import layers_in_order
from cnnx.weights.tables import tables
from idx_files import write_set
from weight_files import pth
from xo_folder import write_classes

# Rows of the digits 0 to 9, three bits each.
GLYPHS = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717")


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of digits of 28 x 28 that a network learns in seconds, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count, dtype=np.uint8) % 10)
    images = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        rows = [[int(row) >> 2 & 1, int(row) >> 1 & 1, int(row) & 1] for row in GLYPHS[label]]
        glyph = np.kron(np.array(rows, np.uint8), np.ones((4, 4), np.uint8))
        top, left = rng.integers(0, 9), rng.integers(0, 17)
        image[top : top + 20, left : left + 12] += glyph * rng.integers(120, 210, dtype=np.uint8)
    return images, labels


def write_mnist(path: Path) -> None:
    write_set(path, "train", *digits(6000, seed=1), gz=True)
    write_set(path, "t10k", *digits(1000, seed=2), gz=True)


def write_pets(path: Path) -> None:
    """A folder of images in colour with the subfolders cat and dog."""
    from PIL import Image

    for name, label in (("cat", 0), ("dog", 1)):
        (path / name).mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(pets(60, label)):
            Image.fromarray(image).save(path / name / f"{index:03}.jpg")


def write_streets(path: Path) -> None:
    """Images with masks of three colours."""
    from PIL import Image

    rng = np.random.default_rng(5)
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 0)], np.uint8)
    for kind in ("images", "masks"):
        (path / kind).mkdir(parents=True, exist_ok=True)
    for index in range(24):
        labels = rng.integers(0, 3, (4, 6)).repeat(8, axis=0).repeat(8, axis=1)
        noise = rng.integers(0, 90, (*labels.shape, 3), dtype=np.uint8)
        Image.fromarray(noise + colours[labels] // 2).save(path / "images" / f"{index:03}.jpg")
        Image.fromarray(colours[labels]).save(path / "masks" / f"{index:03}.png")
    (path / "classes.txt").write_text("ground 0 0 0\ncar 255 0 0\ntree 0 128 0\n")


def pets(count: int, label: int) -> np.ndarray:
    """Noise with a bright shape: the X and O of the demo stand for two animals."""
    x, y = cnnx.data.xo(4 * count, size=48, seed=3)
    grey = x[y == label][:count]
    tint = np.array([1.0, 0.8, 0.6] if label else [0.6, 0.8, 1.0])
    return np.clip(grey * tint, 0, 255).astype(np.uint8)


def write_digit_images(path: Path) -> None:
    """A folder of images in colour with a subfolder for each digit."""
    from PIL import Image

    for index, (image, label) in enumerate(zip(*digits(200, seed=4), strict=True)):
        (path / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).convert("RGB").resize((32, 32)).save(
            path / str(label) / f"{index:03}.png"
        )


def write_image(path: Path) -> None:
    from PIL import Image

    Image.fromarray(digits(1, seed=3)[0][0]).save(path)


def write_photo(path: Path) -> None:
    from PIL import Image

    Image.fromarray(pets(1, 0)[0]).save(path)


def write_digits_model(path: Path) -> None:
    cnnx.models.small((28, 28, 1), list("0123456789"), seed=len(path.name)).save(path)


def write_pets_model(path: Path) -> None:
    cnnx.models.small((48, 48, 3), ["cat", "dog"]).save(path)


def write_imagenet_model(path: Path) -> None:
    """A small network of images in colour in place of ImageNet's."""
    layers = [cnnx.Conv2d(4, 3, stride=8), cnnx.BatchNorm2d(), cnnx.GlobalAvgPool2d()]
    cnnx.Model([*layers, cnnx.Dense(3)], input_shape=(64, 64, 3)).save(path)


def write_resnet18(path: Path) -> None:
    """A file of PyTorch with the names and shapes of torchvision's resnet18, and zeros."""
    names = tables()["torchvision and timm resnet18"]
    arrays = {
        f"{module}.{array.replace('running_variance', 'running_var')}": np.zeros(
            layer.pytorch_shape(array), np.float32
        )
        for module, layer in zip(names, layers_in_order(cnnx.models.resnet18()._core), strict=True)
        for array in layer.shapes
    }
    path.write_bytes(pth(arrays))


def write_log(path: Path) -> None:
    """The log of a run of one epoch."""
    names = ("epoch", *vars(cnnx.History()))
    path.write_text(f"{','.join(names)}\n{','.join('1' for _ in names)}\n", encoding="utf-8")


FILES: dict[str, Callable[[Path], None]] = {
    "mnist": write_mnist,
    "pets": write_pets,
    "photos": write_pets,
    "streets": write_streets,
    "images": write_digit_images,
    "PATH": write_classes,
    "image.png": write_image,
    "photo.jpg": write_photo,
    "digits.cnnx": write_digits_model,
    "lenet.cnnx": write_digits_model,
    "lenet-2.cnnx": write_digits_model,
    "pets.cnnx": write_pets_model,
    "imagenet.cnnx": write_imagenet_model,
    "resnet18.pth": write_resnet18,
    "run.csv": write_log,
}
