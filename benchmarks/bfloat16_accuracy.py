"""Goal: training in bfloat16 costs at most 0.3 points of accuracy.

    CNNX_DATA=FOLDER python -m benchmarks.bfloat16_accuracy [--networks lenet5,fast_cifar]
    [--seeds 3] [--epochs 16] [--data FOLDER] [--json FILE] [--quick]

FOLDER holds mnist/ with the four IDX files, and cifar10-train/ with one folder of images per class.
LeNet trains on MNIST for three epochs. `fast_cifar` trains by its recipe, as in
`benchmarks.cifar10`: --epochs passes over whole images after 9/16 of as many over images of half
the size. Each network is trained with every seed in float32 and in bfloat16, and predicts the test
set or the held-out images in the precision of its training. The means over the seeds count. Exits
1 if the mean in bfloat16 is more than 0.3 points below that in float32.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cnnx

from benchmarks import machine
from benchmarks.cifar10 import QUICK_IMAGES, SMALL_EPOCHS, WHOLE_EPOCHS, six_views
from benchmarks.cifar10_training import Images, fit_both, read_images, stages
from benchmarks.mnist_accuracy import EPOCHS as MNIST_EPOCHS
from benchmarks.network_description import BFLOAT16, FLOAT32
from benchmarks.options import RoundOptions, names_from, round_parser

MOST_POINTS = 0.3
NETWORKS = ("lenet5", "fast_cifar")


class Options(RoundOptions):
    """The command line."""

    data: Path | None
    networks: list[str]
    epochs: int


class Training(NamedTuple):
    """The accuracy of one training in percent."""

    network: str
    seed: int
    compute_dtype: str
    accuracy: float
    seconds: float


def parse() -> Options:
    """Read the command line."""
    parser = round_parser(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--seeds", type=int, dest="rounds", help="as --rounds")
    parser.add_argument("--data", type=Path, help="the folder of the data sets")
    parser.add_argument("--networks", type=names_from(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--epochs", type=int, default=WHOLE_EPOCHS, help="of fast_cifar")
    options = parser.parse_args(namespace=Options())
    folder = options.data or os.environ.get("CNNX_DATA")
    if not folder:
        parser.error("expected --data FOLDER or CNNX_DATA, the folder of mnist/ and cifar10-train/")
    options.data = Path(folder)
    if options.quick:
        options.rounds, options.epochs = 1, 1
    return options


class Lenet:
    """LeNet on MNIST."""

    def __init__(self, options: Options) -> None:
        """Read the images."""
        assert options.data is not None
        self._data = cnnx.data.load_idx(options.data / "mnist")
        self._most = QUICK_IMAGES if options.quick else None

    def __call__(self, seed: int, compute_dtype: str) -> float:
        """The accuracy on the test set after one training."""
        test = self._data.test
        assert test is not None
        model = cnnx.models.lenet5(seed=seed)
        model.compute_dtype = compute_dtype
        x, y = self._data.x[: self._most], self._data.y[: self._most]
        cnnx.Trainer(model, seed=seed).fit(x, y, epochs=MNIST_EPOCHS)
        return cnnx.metrics.top_k_accuracy(model(test.x), test.y, k=1)


class FastCifar:
    """`fast_cifar` on CIFAR-10."""

    def __init__(self, options: Options) -> None:
        """Read the images."""
        assert options.data is not None
        most = QUICK_IMAGES if options.quick else None
        self._images: Images = read_images(options.data / "cifar10-train", most)
        small = max(1, round(options.epochs * SMALL_EPOCHS / WHOLE_EPOCHS))
        self._epochs = small, options.epochs

    def __call__(self, seed: int, compute_dtype: str) -> float:
        """The averaged network's accuracy on six views of the held-out images."""
        both = stages(*self._images, seed)
        for stage in both:
            stage.model.compute_dtype = compute_dtype
        _, later = fit_both(*both, epochs=self._epochs, seed=seed, show=lambda *_: None)
        averaged = later.averaged_model()
        assert averaged.compute_dtype == compute_dtype
        x, y = self._images.validation
        return cnnx.metrics.top_k_accuracy(six_views(averaged, x), y, k=1)


READERS: dict[str, Callable[[Options], Callable[[int, str], float]]] = {
    "lenet5": Lenet,
    "fast_cifar": FastCifar,
}


def train_all(network: str, options: Options) -> list[Training]:
    """Train a network with every seed in both precisions, and print each accuracy."""
    accuracy_of = READERS[network](options)
    found = []
    for seed in range(options.rounds):
        for compute_dtype in (FLOAT32, BFLOAT16):
            begun = time.perf_counter()
            percent = 100 * accuracy_of(seed, compute_dtype)
            seconds = time.perf_counter() - begun
            found.append(Training(network, seed, compute_dtype, percent, seconds))
            print(f"  {network:10} seed {seed} {compute_dtype:8} {percent:.2f} %", end="")
            print(f"  in {seconds:.0f} s", flush=True)
    return found


def judge(trainings: list[Training]) -> bool:
    """Print a network's mean accuracies; returns whether they are within the goal."""
    full, lower = (
        statistics.mean(each.accuracy for each in trainings if each.compute_dtype == dtype)
        for dtype in (FLOAT32, BFLOAT16)
    )
    met = full - lower <= MOST_POINTS
    print(
        f"{trainings[0].network:10} mean {full:.2f} % in float32, {lower:.2f} % in bfloat16: ",
        end="",
    )
    print(f"{full - lower:+.2f} points lost  goal {MOST_POINTS}  {'met' if met else 'MISSED'}")
    return met


def main() -> int:
    """Train and compare; returns 1 if bfloat16 costs too much."""
    options = parse()
    before = machine.describe()
    print(machine.headline())
    trainings = [train_all(network, options) for network in options.networks]
    verdicts = [judge(each) for each in trainings]
    if options.json:
        rows = [training._asdict() for each in trainings for training in each]
        machine.save(options.json, before, {"trainings": rows})
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
