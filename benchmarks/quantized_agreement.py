"""Goal: EfficientNet-Lite0 quantized with default settings predicts the class of its float32 model.

    CNNX_DATA=FOLDER python -m benchmarks.quantized_agreement --peer-python ~/peers/bin/python

The peer has the ImageNet weights and photographs; see `benchmarks.photographs` for its packages.
FOLDER holds cifar10-train/ with one folder of images per class. 1,024 of its images, enlarged to
224x224, quantize; 1,000 others and the photographs check. Prints the layers in float32,
the times of a prediction and the part of the images whose class stays. Exits 1 below 97 %.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import cnnx
import numpy as np

from benchmarks.options import add_peer_python
from benchmarks.real_weights import lite0, run_peer

LEAST_AGREEMENT = 0.97
QUANTIZE, CHECK, SEED = 1024, 1000, 0
FACTOR = 7  # from 32x32 to 224x224


def cifar_images(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Enlarged images that quantize, and others that check."""
    x = cnnx.data.load(folder).x
    order = np.random.default_rng(SEED).permutation(len(x))[: QUANTIZE + CHECK]
    found = np.empty((len(order), *(FACTOR * side for side in x.shape[1:3]), 3), np.uint8)
    for row, image in enumerate(x[order]):
        enlarged = cnnx.ops.upsample2d(image[np.newaxis], FACTOR, mode="bilinear")
        found[row] = np.rint(enlarged[0])
    return found[:QUANTIZE], found[QUANTIZE:]


def milliseconds(model: cnnx.Model, image: np.ndarray) -> float:
    """Least time of a prediction of one image."""
    found = []
    for _ in range(20):
        start = time.perf_counter()
        model(image)
        found.append(time.perf_counter() - start)
    return 1000 * min(found)


def main() -> int:
    """Quantize and compare; return 1 if too few predictions agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_peer_python(parser)
    options = parser.parse_args()
    if options.peer_python is None:
        print("no --peer-python: no weights")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_peer(options.peer_python, "photographs", folder)
        model, photographs = lite0(folder), np.load(folder / "images.npy")
    quantize, check = cifar_images(Path(os.environ["CNNX_DATA"]) / "cifar10-train")
    start = time.perf_counter()
    report = cnnx.quantization.quantize_with_report(model, quantize)
    print(f"{report}\nquantized in {time.perf_counter() - start:.0f} s")
    times = [milliseconds(each, photographs[:1]) for each in (model, report.model)]
    print(f"one image: {times[0]:.2f} ms in float32, {times[1]:.2f} ms quantized")
    same: list[bool] = []
    for kind, images in (("CIFAR images", check), ("photographs", photographs)):
        agree = model.predict_proba(images).argmax(1) == report.model.predict_proba(images).argmax(
            1
        )
        print(f"{agree.sum():,} of {len(agree):,} {kind} have the same class: {agree.mean():.1%}")
        same += agree.tolist()
    met = float(np.mean(same)) >= LEAST_AGREEMENT
    verdict = "reached" if met else "missed"
    print(f"{np.mean(same):.2%} of all, goal at least {LEAST_AGREEMENT:.0%}: {verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
