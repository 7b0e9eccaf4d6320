"""Goal: a U-Net segments images of shapes after three minutes of training, and colours do not.

Run `python -m benchmarks.shapes_segmentation`. It trains on `cnnx.data.shapes` of 128 x 128 pixels
and measures the mean IoU (intersection over union) of the four classes on held-out images. A
network of 1x1 convolutions, which sees the colour of single pixels, is trained for comparison.
Exits 1 if a goal is missed. `--clock cpu` counts the CPU time over the number of threads, for
machines that are busy with other work.
"""

from __future__ import annotations

import argparse
import sys

import cnnx
from cnnx.evaluation import SegmentationEvaluation, evaluate_segmentation

from benchmarks.timing import CLOCKS

MEAN_IOU_AT_LEAST, SECONDS_AT_MOST, COLOURS_AT_MOST = 0.95, 180.0, 0.50
TRAINING_IMAGES, HELD_OUT_IMAGES, EPOCHS, BATCH_SIZE = 1500, 500, 3, 4
INPUT_SHAPE = (128, 128, 3)
CLASSES = cnnx.data.SHAPE_CLASSES


def evaluation(model: cnnx.Model, seed: int) -> SegmentationEvaluation:
    """Evaluation on held-out images after a training."""
    x, masks = cnnx.data.shapes(TRAINING_IMAGES, seed=2 * seed, size=INPUT_SHAPE[:2])
    trainer = cnnx.Trainer(model, optimizer=cnnx.Muon(0.015), schedule=cnnx.OneCycle(), seed=seed)
    trainer.fit(x, masks, epochs=EPOCHS, batch_size=BATCH_SIZE)
    held_out = cnnx.data.shapes(HELD_OUT_IMAGES, seed=2 * seed + 1, size=INPUT_SHAPE[:2])
    return evaluate_segmentation(model, *held_out)


def main() -> int:
    """Print the IoU of each class; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    seed, now = arguments.seed, CLOCKS[arguments.clock]
    threads = cnnx.get_num_threads() if arguments.clock == "cpu" else 1

    print(f"cnnx {cnnx.__version__}, {cnnx.isa()}, {cnnx.get_num_threads()} threads")
    print(f"{TRAINING_IMAGES:,} images for training, {HELD_OUT_IMAGES} held out")
    print("network      " + "".join(f"{name:>12}" for name in CLASSES) + "    mean  seconds")
    means, seconds = [], []
    layers = [cnnx.Conv2d(32, 1), cnnx.ReLU(), cnnx.Conv2d(32, 1), cnnx.ReLU(), cnnx.Conv2d(4, 1)]
    colours = cnnx.Model(layers, input_shape=INPUT_SHAPE, classes=CLASSES, seed=seed)
    unet = cnnx.models.unet(INPUT_SHAPE, CLASSES, width=8, seed=seed)
    for name, model in (("1x1 layers", colours), ("U-Net", unet)):
        begun = now()
        found = evaluation(model, seed)
        seconds.append((now() - begun) / threads)
        means.append(found.mean_iou)
        row = "".join(f"{each.iou:12.1%}" for each in found.per_class)
        print(f"{name:<13}{row}  {means[-1]:6.1%}  {seconds[-1]:7.1f}", flush=True)
    met = (
        means[0] <= COLOURS_AT_MOST
        and means[1] >= MEAN_IOU_AT_LEAST
        and seconds[1] <= SECONDS_AT_MOST
    )
    print(
        f"goals: U-Net >= {MEAN_IOU_AT_LEAST:.0%} in {SECONDS_AT_MOST:.0f} s, with its images and "
        f"predictions; 1x1 layers <= {COLOURS_AT_MOST:.0%}: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
