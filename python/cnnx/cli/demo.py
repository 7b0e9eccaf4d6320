"""`cnnx demo`: the story of a network that learns X from O, told on the screen in seconds."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.model.model import Model

FOLDER = Path("cnnx-demo")
CLASSES = ("X", "O")
TRAINING_DRAWINGS = 8000
UNSEEN_DRAWINGS = 4000
EPOCHS = 4
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
SEED = 0
UNSEEN_SEED = 1_000_003  # another stream of drawings than any training seed in use
_IMAGES_OF_EACH = 4
_DARK = 64
_SHADES = " .:+#"

_EPILOG = f"""\
Draws {TRAINING_DRAWINGS:,} X and O, trains a small network on them and measures it on
{UNSEEN_DRAWINGS:,} others. Saves in {FOLDER}/ the model, a few drawings, and two images:
by-hand.png goes through a convolutional network with numbers one can check, learned.png shows what
the trained one sees. No download; a few seconds.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="watch a network learn X from O, in seconds",
        description="Tells in seconds, and in images, how a network learns X from O.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw, compares pixels, trains, measures, saves, and says what to try next."""
    started = perf_counter()
    if FOLDER.exists() and not FOLDER.is_dir():
        raise UserError(f"{FOLDER} is a file, expected a folder to write to; move the file away")
    FOLDER.mkdir(exist_ok=True)

    import cnnx
    from cnnx.cli.pixel_comparison import first_of_each, nearest_reference
    from cnnx.data import xo

    say(f"cnnx {cnnx.__version__} on {cnnx.get_num_threads()} threads, {cnnx.isa()}\n")
    x, y = xo(TRAINING_DRAWINGS, seed=SEED)
    unseen_x, unseen_y = xo(UNSEEN_DRAWINGS, seed=UNSEEN_SEED)
    say(
        f"1. Here are an X and an O out of {len(x):,} drawings: anywhere in the frame, large or\n"
        "   small, wide or narrow, tilted, thick or thin, light on dark or dark on light.\n"
    )
    examples = first_of_each(x, y)
    say(side_by_side(*(in_characters(example[..., 0]) for example in examples)))
    by_pixels = float((nearest_reference(unseen_x, examples) == unseen_y).mean())
    say(
        "\n2. Without learning: take these two as references, and call a new drawing by the one\n"
        "   it differs from least, adding up the differences of all pixels.\n"
        f"   Of {len(unseen_x):,} new drawings this gets {by_pixels:.1%} right; a coin, 50%.\n"
    )
    say(
        "3. With learning: a small convolutional network looks at the drawings, "
        f"{EPOCHS} times each.\n"
    )
    model, seconds = learn(x, y)
    accuracy = cnnx.Trainer(model).evaluate(unseen_x, unseen_y)["accuracy"]
    say(
        f"\n   After {seconds:.1f} s it gets {accuracy:.2%} of the same {len(unseen_x):,} new "
        "drawings right;\n   it has learned from none of them.\n"
    )
    model.save(FOLDER / "xo.cnnx")
    say(f"4. Saved in {FOLDER}/\n   xo.cnnx        the model, {size_of(FOLDER / 'xo.cnnx')}")
    try:
        drawings = save_images(model, unseen_x, unseen_y)
    except ImportError as missing:
        say(
            f"\nNo images, for {missing.name} is not installed. To get them:\n"
            f"   {shlex.quote(sys.executable)} -m pip install matplotlib pillow tqdm\n"
            f"\n{perf_counter() - started:.1f} s in all. Now try:\n"
            f"   {command()} info {FOLDER / 'xo.cnnx'}"
        )
        return 0
    say(
        f"   {drawings[0].name} ...    {len(drawings)} of the new drawings\n"
        "   by-hand.png    a convolutional network with numbers to check by hand\n"
        "   learned.png    what the trained network sees in an X and in an O"
    )
    files = " ".join(str(file) for file in (drawings[0], drawings[-1]))
    say(
        f"\n{perf_counter() - started:.1f} s in all. Now try:\n"
        f"   {command()} predict {FOLDER / 'xo.cnnx'} {files}"
    )
    return 0


def learn(x: NDArray[np.uint8], y: NDArray[np.int64], *, seed: int = SEED) -> tuple[Model, float]:
    """The small network trained on drawings of X and O, and the seconds it took."""
    import cnnx
    from cnnx.cli.progress import EpochProgress
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
    with EpochProgress() as progress:
        trainer.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE, progress=progress)
    return model, perf_counter() - started


def save_images(model: Model, x: NDArray[np.uint8], y: NDArray[np.int64]) -> list[Path]:
    """Write every image of the demo; returns the drawings' files, X first.

    Raises:
        ImportError: Pillow or matplotlib is not installed; nothing has been written then.
    """
    import matplotlib  # noqa: F401  (asked for first, so that nothing is written without it)
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


def light_on_dark(x: NDArray[np.uint8], y: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The first X and the first O on a dark ground, whose maps are empty but for the strokes."""
    import numpy as np

    dark = np.median(x, axis=(1, 2, 3)) < _DARK
    return np.stack([x[(y == label) & dark][0] for label in range(len(CLASSES))])


def in_characters(pixels: NDArray[np.uint8]) -> list[str]:
    """A grey image as lines of characters, two rows of pixels to a line, bright ones dense."""
    height, width = pixels.shape
    lines = pixels[: height // 2 * 2].reshape(height // 2, 2, width).mean(axis=1)
    return ["".join(_SHADES[int(value * len(_SHADES) / 256)] for value in line) for line in lines]


def side_by_side(left: list[str], right: list[str]) -> str:
    """Two images of characters next to each other."""
    return "\n".join(f"   {a}     {b}" for a, b in zip(left, right, strict=True))


def command() -> str:
    """How this program was called, so that the lines to try work as they are printed."""
    called = Path(sys.argv[0])
    if called.stem == "cnnx":
        return shlex.quote(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m cnnx"


def size_of(path: Path) -> str:
    """A file's size for people."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def say(text: Any) -> None:
    """Print at once: the story and the progress bar on stderr must not overtake each other."""
    print(text, flush=True)
