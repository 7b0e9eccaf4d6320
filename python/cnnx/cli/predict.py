"""`cnnx predict`: what a saved model says about picture files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EPILOG = """\
Prints one line per picture: file, label and probability, separated by tabs. A file that is no
picture is named on stderr; the others are still answered.

examples:
  cnnx predict pets.cnnx photo.jpg
  cnnx predict pets.cnnx new/*.jpg | sort -k 2
"""
_PICTURES_AT_ONCE = 256


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="say what is on a picture",
        description="Says what a saved model sees on picture files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture files")


def run(arguments: argparse.Namespace) -> int:
    """Prints label and probability of every picture; 1 if any could not be read."""
    import numpy as np

    from cnnx.cli.answers import Classifier
    from cnnx.cli.errors import complain, sentence
    from cnnx.data.picture import read_picture

    classifier = Classifier(arguments.model)
    shape = classifier.model.input_shape
    resize = classifier.model.preprocessing.resize
    failed = False
    for start in range(0, len(arguments.images), _PICTURES_AT_ONCE):
        pictures: list[NDArray[np.uint8]] = []
        names: list[str] = []
        for name in arguments.images[start : start + _PICTURES_AT_ONCE]:
            try:
                pictures.append(read_picture(name, shape, resize=resize))
                names.append(name)
            except (ValueError, OSError) as error:
                complain("predict", sentence(error))
                failed = True
        if not pictures:
            continue
        indices, probabilities = classifier.answers(np.stack(pictures))
        for name, index, probability in zip(names, indices, probabilities, strict=True):
            print(f"{name}\t{classifier.names[index]}\t{probability:.4f}")
    return 1 if failed else 0
