"""`cnnx playground`: one HTML page in which a model runs and trains."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from cnnx.cli.classifier import require_single_input
from cnnx.cli.errors import UserError, complain
from cnnx.cli.image_arguments import image_arguments, read_or_complain
from cnnx.cli.outputs import check_new_page
from cnnx.cli.parser import Commands

_EPILOG = """\
The page holds cnnx itself, compiled to WebAssembly, and the model. It needs no server and no
network: open the file in a browser, or send it to somebody. On it, draw or drop an image and see
what every layer computes, the arithmetic of any cell, and which regions decide. Change filters by
hand, train the model on images and classes of your own, and download it as a model file.

The WebAssembly module is compiled when cnnx is installed from its sources where emscripten is.

examples:
  cnnx playground cnnx-demo/xo.cnnx
  cnnx playground digits.cnnx --images 3.png 7.png --out digits.html
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "playground",
        help="write a page in which a model runs and trains",
        description="Writes an HTML page in which a saved model runs and trains, in any browser.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("playground.html"),
        help="file of the page (default: playground.html)",
    )
    parser.add_argument(
        "--title", metavar="TEXT", help="title of the page (default: the name of MODEL)"
    )
    parser.add_argument(
        "--images",
        metavar="IMAGE",
        nargs="+",
        default=[],
        help="image files, or folders of them, to begin with (default: a drawn X)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing page")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page; return 1 if an image cannot be read."""
    from cnnx.model.model import load
    from cnnx.playground.writing import MOST_SAMPLES, check_classifier, sample, write_page

    check_new_page("--out", arguments.out, {"MODEL": arguments.model}, arguments.overwrite)
    model = load(arguments.model)
    require_single_input(model, str(arguments.model))
    images, failed = image_arguments(arguments.images, "playground")
    if len(images) > MOST_SAMPLES:
        raise UserError(f"--images names {len(images)} images, expected at most {MOST_SAMPLES}")
    samples = []
    for image in images:
        pixels = read_or_complain(image.path, model, partial(complain, "playground"))
        failed = failed or pixels is None
        if pixels is not None:
            samples.append(sample(image.name, pixels))
    title = arguments.model.stem if arguments.title is None else arguments.title
    check_classifier(model)
    write_page(str(arguments.out), model, title, samples)
    print(f"saved {arguments.out}")
    return 1 if failed else 0
