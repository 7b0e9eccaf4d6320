"""`cnnx demo`: trains a network to classify X and O and explains each step."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cnnx.cli.character_images import in_characters, say, side_by_side, size_of
from cnnx.cli.command_lines import program
from cnnx.cli.errors import UserError
from cnnx.cli.parser import Commands

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.model.model import Model

FOLDER = Path("cnnx-demo")
CLASSES = ("X", "O")
TRAINING_IMAGES = 8000
TEST_IMAGES = 4000
EPOCHS = 4
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
SEED = 0
TEST_SEED = 1_000_003  # different from every training seed in use
_IMAGES_OF_EACH = 4
_DARK = 64

_EPILOG = f"""\
Generates {TRAINING_IMAGES:,} images of X and O, trains a small network on them and evaluates it on
{TEST_IMAGES:,} test images. Saves the model, a few images and two figures in {FOLDER}/:
by-hand.png explains a convolutional network with numbers to check by hand, learned.png shows the
feature maps of the trained network. x.html and o.html walk an X and an O through every stage of it.
With cnnx's WebAssembly module, playground.html is a page in which the network runs and trains.
Takes a few seconds and downloads nothing.

`cnnx demo segmentation` does the same for the class of every pixel: it trains a U-Net on images of
shapes and their masks, and saves the model, images, true and predicted masks.
"""
STORIES = ("xo", "segmentation")


def add_parser(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="train a network to classify X and O, in seconds",
        description="Trains a network to classify X and O and shows each step.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "story",
        metavar="STORY",
        nargs="?",
        choices=STORIES,
        default="xo",
        help="xo, the default, or segmentation",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Generate images, train, evaluate and save."""
    if FOLDER.exists() and not FOLDER.is_dir():
        raise UserError(f"{FOLDER} is a file, expected a folder to write to; move the file away")
    FOLDER.mkdir(exist_ok=True)
    if arguments.story == "segmentation":
        from cnnx.cli.demo_segmentation import run_segmentation

        return run_segmentation(FOLDER)
    return run_xo()


def run_xo() -> int:
    """Generate images of X and O, compare pixels, train, evaluate and save."""
    started = perf_counter()

    import cnnx
    from cnnx.cli.pixel_comparison import first_of_each, nearest_reference
    from cnnx.data import xo

    say(f"cnnx {cnnx.__version__} on {cnnx.get_num_threads()} threads, {cnnx.isa()}\n")
    x, y = xo(TRAINING_IMAGES, seed=SEED)
    test_x, test_y = xo(TEST_IMAGES, seed=TEST_SEED)
    say(
        f"1. An X and an O of {len(x):,} training images. Letters vary in position, size, aspect\n"
        "   ratio, rotation and stroke width, light on dark or dark on light.\n"
    )
    examples = first_of_each(x, y)
    say(side_by_side(*(in_characters(example[..., 0]) for example in examples)))
    by_pixels = float((nearest_reference(test_x, examples) == test_y).mean())
    say(
        "\n2. Baseline without training: assign each test image to the one of these two images\n"
        "   with the smaller sum of absolute pixel differences.\n"
        f"   Accuracy on {len(test_x):,} test images: {by_pixels:.1%}; chance is 50%.\n"
    )
    say(f"3. Training: a small convolutional network, {EPOCHS} epochs.\n")
    model, seconds = learn(x, y)
    accuracy = cnnx.Trainer(model).evaluate(test_x, test_y)["accuracy"]
    say(
        f"\n   Accuracy after {seconds:.1f} s on the same {len(test_x):,} test images: "
        f"{accuracy:.2%}\n"
    )
    model.save(FOLDER / "xo.cnnx")
    say(f"4. Saved in {FOLDER}/\n   xo.cnnx        the model, {size_of(FOLDER / 'xo.cnnx')}")
    save_pages(model, light_on_dark(test_x, test_y))
    say("   x.html, o.html an X and an O on their way through every stage of the network")
    if save_playground(model, test_x):
        say("   playground.html  the network in a page: draw, see every number, train it further")
    try:
        images = save_images(model, test_x, test_y)
    except ImportError as missing:
        say(
            f"\nNo figures, because {missing.name} is not installed. To get them:\n"
            f"   {shlex.quote(sys.executable)} -m pip install matplotlib pillow tqdm\n"
            f"\n{perf_counter() - started:.1f} s in all. Open {FOLDER / 'x.html'} in a browser. "
            f"Then try:\n   {program()} info {FOLDER / 'xo.cnnx'}"
        )
        return 0
    say(
        f"   {images[0].name} ...    {len(images)} of the test images\n"
        "   by-hand.png    a convolutional network with numbers to check by hand\n"
        "   learned.png    feature maps of the trained network for an X and an O"
    )
    files = " ".join(str(file) for file in (images[0], images[-1]))
    say(
        f"\n{perf_counter() - started:.1f} s in all. Open {FOLDER / 'x.html'} in a browser. "
        f"Then try:\n   {program()} predict {FOLDER / 'xo.cnnx'} {files}"
    )
    return 0


def learn(
    x: NDArray[np.uint8], y: NDArray[np.int64], *, seed: int = SEED, verbose: bool = True
) -> tuple[Model, float]:
    """Train the small network on the X/O data set; return it and the seconds of training."""
    import cnnx
    from cnnx.cli.recipes import optimizer_of, schedule_of
    from cnnx.models import small

    started = perf_counter()
    size = x.shape[1]
    model = small((size, size, 1), CLASSES, seed=seed)
    trainer = cnnx.Trainer(
        model,
        optimizer=optimizer_of("adam", LEARNING_RATE),
        schedule=schedule_of("drop", EPOCHS),
        seed=seed,
    )
    try:
        trainer.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=verbose)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; nothing was saved") from None
    return model, perf_counter() - started


def save_images(model: Model, x: NDArray[np.uint8], y: NDArray[np.int64]) -> list[Path]:
    """Write some test images and the figures; return the files of the images, X first.

    Raises:
        ImportError: if Pillow or matplotlib is not installed, before anything is written.
    """
    import matplotlib  # noqa: F401  (imported first, so that nothing is written without it)
    from PIL import Image

    from cnnx.cli.by_hand_figure import draw_by_hand
    from cnnx.cli.learned_figure import draw_learned

    files: list[Path] = []
    for label, name in enumerate(CLASSES):
        chosen = x[y == label][:_IMAGES_OF_EACH]
        for number, pixels in enumerate(chosen, start=1):
            files.append(FOLDER / f"{name.lower()}-{number}.png")
            Image.fromarray(pixels[..., 0]).save(files[-1])
    draw_by_hand().save(FOLDER / "by-hand.png")
    draw_learned(model, light_on_dark(x, y)).save(FOLDER / "learned.png")
    return files


def save_pages(model: Model, images: NDArray[np.uint8]) -> None:
    """Write the pages that walk an X and an O, (2, height, width, 1), through the network."""
    from cnnx.explain import walkthrough
    from cnnx.files.atomic_file import replace_file

    for name, pixels in zip(CLASSES, images, strict=True):
        page = walkthrough(model, pixels, name=f"an {name}")
        replace_file(str(FOLDER / f"{name.lower()}.html"), [page.encode()])


def save_playground(model: Model, images: NDArray[np.uint8]) -> bool:
    """Write the page in which the network runs; False if cnnx has no WebAssembly module."""
    from cnnx.playground import write
    from cnnx.playground.wasm_module import WASM_MODULE

    if not WASM_MODULE.exists():
        return False
    samples = images[: len(CLASSES) * _IMAGES_OF_EACH]
    write(FOLDER / "playground.html", model, images=samples, title="X or O?")
    return True


def light_on_dark(x: NDArray[np.uint8], y: NDArray[np.int64]) -> NDArray[np.uint8]:
    """First X and first O on a dark background, whose maps are zero outside the strokes."""
    import numpy as np

    dark = np.median(x, axis=(1, 2, 3)) < _DARK
    return np.stack([x[(y == label) & dark][0] for label in range(len(CLASSES))])
