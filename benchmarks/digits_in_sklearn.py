"""Goal: `CNNClassifier()` without arguments beats a tuned SVC on scikit-learn's digits.

Run `python -m benchmarks.digits_in_sklearn [--seeds 3] [--mnist]`. The accuracy is the mean of
`cross_val_score(..., cv=5)`, whose folds are not shuffled, so that other people wrote the digits of
the test fold. Exits 1 if it misses the goal for a seed. `--mnist` also trains on the first 3,000
images of mnist/ in CNNX_DATA and tests on its 10,000, for which there is a goal too: the defaults
must not fit the digits alone. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import cnnx
import numpy as np
from cnnx.sklearn import CNNClassifier
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

ACCURACY_AT_LEAST = 0.975
FOLDS = 5
MNIST_AT_LEAST, MNIST_IMAGES = 0.98, 3000


def on_mnist(folder: Path) -> bool:
    """Print the accuracy on MNIST; returns whether it meets its goal."""
    mnist = cnnx.data.load_idx(folder)
    assert mnist.test is not None
    begun = time.perf_counter()
    fitted = CNNClassifier(random_state=0).fit(mnist.x[:MNIST_IMAGES], mnist.y[:MNIST_IMAGES])
    seconds = time.perf_counter() - begun
    accuracy = fitted.score(mnist.test.x, mnist.test.y)
    print(f"MNIST, {MNIST_IMAGES:,} images     {accuracy:.4f}  in {seconds:.1f} s")
    return bool(accuracy >= MNIST_AT_LEAST)


def main() -> int:
    """Print a line per seed; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="repeat with so many")
    parser.add_argument("--mnist", action="store_true", help="also on mnist/ in CNNX_DATA")
    options = parser.parse_args()
    seeds: int = options.seeds
    x, y = load_digits(return_X_y=True)
    print(f"cnnx {cnnx.__version__}, {cnnx.isa()}, {cnnx.get_num_threads()} threads")
    tuned = cross_val_score(SVC(C=10, gamma=0.001), x, y, cv=FOLDS)
    print(f"SVC(C=10, gamma=0.001)   {tuned.mean():.4f}")
    means = []
    for seed in range(seeds):
        np.random.seed(seed)  # noqa: NPY002, what random_state=None reads
        begun = time.perf_counter()
        accuracies = cross_val_score(CNNClassifier(), x, y, cv=FOLDS)
        seconds = time.perf_counter() - begun
        means.append(accuracies.mean())
        folds = " ".join(f"{each:.4f}" for each in accuracies)
        print(f"CNNClassifier(), seed {seed}  {means[-1]:.4f}  ({folds}) in {seconds:.1f} s")
    met = min(means) >= ACCURACY_AT_LEAST
    goals = f"digits >= {ACCURACY_AT_LEAST}"
    if options.mnist:
        met &= on_mnist(Path(os.environ["CNNX_DATA"]) / "mnist")
        goals += f", MNIST >= {MNIST_AT_LEAST}"
    print(f"goals: {goals}: " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
