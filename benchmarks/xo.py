"""Goal: on unseen images, pixels and a dense layer fail to tell X from O, and the CNN succeeds.

Run `python -m benchmarks.xo`. Exits 1 if a figure misses its goal for any seed.
"""

from __future__ import annotations

import sys

import cnnx
import numpy as np
from cnnx.cli import demo
from cnnx.cli.pixel_comparison import first_of_each, nearest_reference

SEEDS = (0, 1, 2)
UNSEEN = 4000
REFERENCE_PAIRS = 50
PIXELS_AT_MOST, DENSE_AT_MOST, CNN_AT_LEAST = 0.70, 0.90, 0.99
# Long past the best epoch: stopping early must not meet the goal.
DENSE_EPOCHS = 30


def best_by_pixels(
    x: np.ndarray, y: np.ndarray, unseen_x: np.ndarray, unseen_y: np.ndarray
) -> tuple[float, float]:
    """Accuracy of the nearest reference: with the first X and O, and with the luckiest of many
    pairs.
    """
    accuracies = []
    for pair in range(REFERENCE_PAIRS):
        # Images come in pairs of one X and one O.
        references = first_of_each(x[2 * pair :], y[2 * pair :])
        accuracies.append(float((nearest_reference(unseen_x, references) == unseen_y).mean()))
    return accuracies[0], max(accuracies)


def by_dense_layer(
    x: np.ndarray, y: np.ndarray, unseen_x: np.ndarray, unseen_y: np.ndarray, seed: int
) -> float:
    """Accuracy of one dense layer on the pixels after its best epoch."""
    model = cnnx.Model(
        [cnnx.Flatten(), cnnx.Dense(2)], input_shape=(32, 32, 1), classes=demo.CLASSES, seed=seed
    )
    trainer = cnnx.Trainer(model, seed=seed)
    history = trainer.fit(x, y, epochs=DENSE_EPOCHS, validation=(unseen_x, unseen_y))
    return max(history.validation_accuracy)


def main() -> int:
    """Print a row per seed; returns 1 if a goal is missed."""
    print(f"cnnx {cnnx.__version__}, {cnnx.isa()}, {cnnx.get_num_threads()} threads")
    print(f"accuracy on {UNSEEN:,} unseen images")
    print("seed  first pair  best pair  dense layer      CNN  seconds")
    missed = False
    for seed in SEEDS:
        x, y = cnnx.data.xo(demo.TRAINING_IMAGES, seed=seed)
        unseen = cnnx.data.xo(UNSEEN, seed=demo.TEST_SEED + seed)
        first, best = best_by_pixels(x, y, *unseen)
        dense = by_dense_layer(x, y, *unseen, seed)
        model, seconds = demo.learn(x, y, seed=seed)
        cnn = cnnx.Trainer(model).evaluate(*unseen)["accuracy"]
        print(f"{seed:4}  {first:10.2%}  {best:9.2%}  {dense:11.2%}  {cnn:7.2%}  {seconds:7.2f}")
        missed |= best > PIXELS_AT_MOST or dense > DENSE_AT_MOST or cnn < CNN_AT_LEAST
    print(
        f"goals: pixels <= {PIXELS_AT_MOST:.0%} (for the luckiest of {REFERENCE_PAIRS} pairs of "
        f"references, too), dense layer <= {DENSE_AT_MOST:.0%}, CNN >= {CNN_AT_LEAST:.0%}: "
        + ("MISSED" if missed else "met")
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
