"""Networks of other libraries with weights that follow from their names, and their logits.

    python tests/support/original_networks.py tests/weights/original_networks.json

computes the committed logits, in an environment with torch, torchvision, timm and
efficientnet_lite_pytorch. The weights need none of these: every array is drawn from a generator
that the name and the shape seed.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


class Original(NamedTuple):
    """A network of another library.

    Attributes:
        function: the network of cnnx.models with the same layers.
        side: height of the image; the width is 7 larger.
        make: makes the network in PyTorch.
    """

    function: str
    side: int
    make: Callable[[int], Any]


def _of_torchvision(name: str) -> Callable[[int], Any]:
    def make(side: int) -> Any:
        import torchvision

        return getattr(torchvision.models, name)(num_classes=CLASSES)

    return make


def _of_timm(name: str) -> Callable[[int], Any]:
    def make(side: int) -> Any:
        import timm

        return timm.create_model(name, num_classes=CLASSES)

    return make


def _of_efficientnet_lite_pytorch(side: int) -> Any:
    from efficientnet_lite_pytorch import EfficientNet

    size = (side, side + 7)
    return EfficientNet.from_name("efficientnet-lite0", num_classes=CLASSES, image_size=size)


ORIGINALS = {
    f"torchvision {name}": Original(name, side, _of_torchvision(name))
    for name, side in (
        ("resnet18", 64),
        ("resnet34", 64),
        ("resnet50", 64),
        ("mobilenet_v2", 64),
        ("mobilenet_v3_small", 64),
        ("mobilenet_v3_large", 64),
        ("squeezenet1_1", 66),
        ("convnext_tiny", 64),
    )
}
for network in ("resnet18", "resnet34", "resnet50"):
    ORIGINALS[f"timm {network}"] = Original(network, 64, _of_timm(network))
ORIGINALS["timm mobilenetv2_100"] = Original("mobilenet_v2", 64, _of_timm("mobilenetv2_100"))
ORIGINALS["timm efficientnet_lite0"] = Original(
    "efficientnet_lite0", 64, _of_timm("tf_efficientnet_lite0")
)
ORIGINALS["efficientnet_lite_pytorch efficientnet-lite0"] = Original(
    "efficientnet_lite0", 64, _of_efficientnet_lite_pytorch
)


def image(side: int) -> NDArray[np.float32]:
    """An image of (side, side + 7, 3) with values from 0 to 1."""
    return np.random.RandomState(side).random_sample((side, side + 7, 3)).astype(np.float32)


def array_of(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Values of an array, which keep the activations of a deep network near 1."""
    numbers = np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape) - 0.5
    if name.endswith(("running_var", "layer_scale")) or (len(shape) == 1 and "weight" in name):
        values = 1 + numbers
    elif len(shape) == 1:
        values = 0.2 * numbers
    else:
        values = numbers * math.sqrt(12 * 2 / math.prod(shape[1:]))
    return np.asarray(values, np.float32)


def logits_of(original: Original) -> list[float]:
    """Outputs of the network in PyTorch for `image`."""
    import torch

    network = original.make(original.side).eval()
    network.load_state_dict(
        {
            name: torch.from_numpy(array_of(name, tuple(value.shape)))
            if value.is_floating_point()
            else value
            for name, value in network.state_dict().items()
        }
    )
    x = torch.from_numpy(image(original.side).transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        return [float(value) for value in network(x)[0]]


def main() -> int:
    """Write the logits of every network."""
    logits = {name: logits_of(each) for name, each in ORIGINALS.items()}
    Path(sys.argv[1]).write_text(json.dumps(logits, indent=1) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
