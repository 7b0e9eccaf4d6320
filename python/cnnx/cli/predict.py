"""`cnnx predict`: what a saved model says about picture files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EPILOG = """\
Prints one line per picture: file, label and probability, separated by tabs. A file that is no
picture is named on stderr; the others are still answered.

For programs, --json prints one object per picture and line: file, label, probability, and
probabilities, that of every label in the order of the classes. Its numbers are exact.

examples:
  cnnx predict pets.cnnx photo.jpg
  cnnx predict pets.cnnx new/*.jpg | sort -k 2
  cnnx predict pets.cnnx new/*.jpg --json | jq .probabilities.cat
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
    parser.add_argument("--json", action="store_true", help="print JSON, every probability exactly")


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
        for name, index, row in zip(names, indices, probabilities, strict=True):
            label = classifier.names[index]
            if arguments.json:
                print(_json(name, label, dict(zip(classifier.names, row.tolist(), strict=True))))
            else:
                print(f"{name}\t{label}\t{row[index]:.4f}")
    return 1 if failed else 0


def _json(name: str, label: str, probabilities: dict[str, float]) -> str:
    """One line; a double holds every float32 exactly, and is written with all its digits."""
    answer = {
        "file": name,
        "label": label,
        "probability": probabilities[label],
        "probabilities": probabilities,
    }
    return json.dumps(answer)
