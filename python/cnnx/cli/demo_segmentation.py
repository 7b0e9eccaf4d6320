"""`cnnx demo segmentation`: trains a U-Net that tells the class of every pixel, step by step."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cnnx.cli.character_images import in_characters, say, side_by_side, size_of
from cnnx.cli.command_lines import program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.evaluation import SegmentationEvaluation
    from cnnx.model.model import Model

SIDE = 64
TRAINING_IMAGES = 1500
TEST_IMAGES = 300
EPOCHS = 4
BATCH_SIZE = 4
LEARNING_RATE = 0.015
SEED = 0
TEST_SEED = 1_000_003  # different from every training seed in use
_IMAGES_SAVED = 4
_LETTERS = " o#^"  # background, circle, square, triangle


def run_segmentation(folder: Path) -> int:
    """Generate images with masks, train, evaluate and save to the folder."""
    started = perf_counter()

    import cnnx
    from cnnx.data import SHAPE_CLASSES, shapes

    say(f"cnnx {cnnx.__version__} on {cnnx.get_num_threads()} threads, {cnnx.isa()}\n")
    x, y = shapes(TRAINING_IMAGES, seed=SEED, size=(SIDE, SIDE))
    test_x, test_y = shapes(TEST_IMAGES, seed=TEST_SEED, size=(SIDE, SIDE))
    say(
        f"1. One of {len(x):,} training images in grey, and its mask: the class of every pixel,\n"
        "   o for a circle, # for a square and ^ for a triangle. Shapes and background have\n"
        "   colours, gradients and noise of their own.\n"
    )
    say(side_by_side(in_characters(x[0].mean(axis=-1)), mask_in_characters(y[0])))
    say("\n2. Baseline: a network that sees one pixel at a time, so only its colour.\n")
    by_colour = learn(colours_alone(SHAPE_CLASSES), x, y, test_x, test_y)
    say(f"   Mean IoU on {len(test_x)} test images: {by_colour.mean_iou:.1%}.\n")
    say(
        "3. Training: a U-Net, whose maps shrink by pooling to see far, and grow again to answer\n"
        f"   for every pixel; {EPOCHS} epochs.\n"
    )
    model = cnnx.models.unet((SIDE, SIDE, 3), SHAPE_CLASSES, depth=3, width=8, seed=SEED)
    begun = perf_counter()
    found = learn(model, x, y, test_x, test_y)
    seconds = perf_counter() - begun
    table = "\n".join(f"   {line}".rstrip() for line in str(found).splitlines())
    say(f"\n   After {seconds:.1f} s, on the same {len(test_x)} test images:\n\n{table}\n")
    say("4. The true mask of a test image, and the predicted one.\n")
    predicted = predicted_labels(model, test_x[:_IMAGES_SAVED])
    say(side_by_side(mask_in_characters(test_y[0]), mask_in_characters(predicted[0])))
    files = save(model, test_x, test_y, predicted, folder)
    size = size_of(folder / "shapes.cnnx")
    say(
        f"\n5. Saved in {folder}/\n   shapes.cnnx       the model, {size}\n"
        f"   {files[0].name} ... {len(files)} of the test images\n"
        "   true-1.png ...    their masks, and predicted-1.png ... those of the network\n"
        f"\n{perf_counter() - started:.1f} s in all. Then try:\n"
        f"   {program()} predict {folder / 'shapes.cnnx'} {files[0]} --out masks\n"
        f"   {program()} explain {folder / 'shapes.cnnx'} {files[0]}"
    )
    return 0


def colours_alone(classes: tuple[str, ...]) -> Model:
    """A network of 1x1 convolutions, which sees no neighbours."""
    import cnnx

    layers = [cnnx.Conv2d(32, 1), cnnx.ReLU(), cnnx.Conv2d(32, 1), cnnx.ReLU()]
    return cnnx.Model(
        [*layers, cnnx.Conv2d(len(classes), 1)],
        input_shape=(SIDE, SIDE, 3),
        classes=classes,
        seed=SEED,
    )


def learn(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[np.uint8],
    test_x: NDArray[np.uint8],
    test_y: NDArray[np.uint8],
) -> SegmentationEvaluation:
    """Train a network, and measure it on the test images."""
    import cnnx
    from cnnx.evaluation import evaluate_segmentation

    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.Muon(LEARNING_RATE),
        schedule=cnnx.CosineDecay(),
        seed=SEED,
    )
    try:
        trainer.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; nothing was saved") from None
    return evaluate_segmentation(model, test_x, test_y)


def predicted_labels(model: Model, x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The most probable class of every pixel, as an index."""
    import numpy as np

    labels: NDArray[np.uint8] = np.asarray(model.predict_proba(x)).argmax(axis=-1).astype(np.uint8)
    return labels


def mask_in_characters(mask: NDArray[np.uint8]) -> list[str]:
    """A mask as lines of characters, of which each stands for two rows."""
    return ["".join(_LETTERS[label] for label in row) for row in mask[::2]]


def save(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    folder: Path,
) -> list[Path]:
    """Write the model, some test images and both masks of each; the files of the images."""
    from cnnx.drawing.colours import CLASS_COLOURS
    from cnnx.drawing.png import png

    model.save(folder / "shapes.cnnx")
    files = [folder / f"image-{number}.png" for number in range(1, _IMAGES_SAVED + 1)]
    for number, file in enumerate(files):
        file.write_bytes(png(x[number]))
        for kind, mask in (("true", y[number]), ("predicted", predicted[number])):
            (folder / f"{kind}-{number + 1}.png").write_bytes(png(mask, CLASS_COLOURS))
    return files
