"""PyTorch's side of `imported`: networks of random weights as ONNX files, and an image for each.

Runs in the peers' environment: `python -m benchmarks.imported_in_torch FOLDER NETWORK...` writes
`NETWORK.onnx` and `NETWORK.npy`, an image with the channels first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.onnx_in_torch import SEGMENTATION, torchvision_model

SIZE, SEGMENTATION_SIZE = 224, 257


def main() -> int:
    """Write the files."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        model = torchvision_model(name)
        for weight in model.parameters():
            if weight.ndim > 1 and not weight.any():  # the scores of a new ViT hide all before them
                torch.nn.init.normal_(weight, 0, 0.02)
        size = SEGMENTATION_SIZE if name.startswith(SEGMENTATION) else SIZE
        image = torch.rand(1, 3, size, size)
        path = str(folder / f"{name}.onnx")
        torch.onnx.export(model, (image,), path, opset_version=17, dynamo=False, verbose=False)
        np.save(folder / f"{name}.npy", image.numpy())
    return 0


if __name__ == "__main__":
    sys.exit(main())
