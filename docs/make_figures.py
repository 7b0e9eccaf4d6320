"""Draw the figures of the README and of docs/, with the functions of `cnnx demo`.

python docs/make_figures.py [FOLDER]      default: docs/figures
"""

from __future__ import annotations

import sys
from pathlib import Path

import cnnx
from cnnx.cli import demo
from cnnx.cli.by_hand_figure import draw_by_hand
from cnnx.cli.learned_figure import draw_learned
from convolution_figure import draw_convolution
from PIL import Image

LARGEST = 150_000  # maximum bytes of a figure, because git stores them
COLOURS = 64  # size of the palette, which shrinks the files to a third


def main(arguments: list[str]) -> int:
    """Train the network of the demo and draw the figures; return 1 if a file is too large."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    x, y = cnnx.data.xo(demo.TRAINING_IMAGES, seed=demo.SEED)
    test_x, test_y = cnnx.data.xo(demo.TEST_IMAGES, seed=demo.TEST_SEED)
    model, _ = demo.learn(x, y)
    one_of_each = test_x[[(test_y == 0).argmax(), (test_y == 1).argmax()]]
    pages = {
        "by-hand.png": draw_by_hand(),
        "convolution.png": draw_convolution(),
        "learned.png": draw_learned(model, one_of_each),
    }
    largest = 0
    for name, page in pages.items():
        page.save(folder / name)
        with Image.open(folder / name) as drawn:
            small = drawn.convert("RGB").quantize(
                COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
            )
        small.save(folder / name, optimize=True)
        size = (folder / name).stat().st_size
        print(f"{folder / name}: {size:,} bytes")
        largest = max(largest, size)
    return 0 if largest <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
