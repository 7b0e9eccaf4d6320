"""`cnnx predict`: classification of image files with a saved model."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EPILOG = """\
Prints one line per image: file, label and probability, separated by tabs. Files that cannot be
read as images, and images for which the model's outputs are not finite, are named on stderr. The
other files are classified, and the exit status is 1.

--json prints one object per line and image: file, label, probability, and probabilities, which
has the probability of every class in the order of the classes. The numbers are exact.
Numbers that are not finite are null, and so is the label of their image.

examples:
  cnnx predict pets.cnnx photo.jpg
  cnnx predict pets.cnnx new/*.jpg | sort -k 2
  cnnx predict pets.cnnx new/*.jpg --json | jq .probabilities.cat
"""
_IMAGES_AT_ONCE = 256


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="classify image files",
        description="Classifies image files with a saved model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    parser.add_argument(
        "--json", action="store_true", help="print JSON with the exact probability of every class"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print label and probability of every image; return 1 if one cannot be read or classified."""
    import numpy as np

    from cnnx.cli.classifier import Classifier
    from cnnx.cli.errors import complain, sentence
    from cnnx.data.image import read_image

    classifier = Classifier(arguments.model)
    shape = classifier.model.input_shape
    resize = classifier.model.preprocessing.resize
    failed = False
    for start in range(0, len(arguments.images), _IMAGES_AT_ONCE):
        images: list[NDArray[np.uint8]] = []
        names: list[str] = []
        for name in arguments.images[start : start + _IMAGES_AT_ONCE]:
            try:
                images.append(read_image(name, shape, resize=resize))
                names.append(name)
            except (ValueError, OSError) as error:
                complain("predict", sentence(error))
                failed = True
        if not images:
            continue
        indices, probabilities = classifier.predict(np.stack(images))
        for name, index, row in zip(names, indices, probabilities, strict=True):
            label = classifier.names[index]
            if not np.isfinite(row).all():
                complain("predict", f"{name}: the model's outputs are not finite")
                failed = True
            if arguments.json:
                print(_json(name, label, dict(zip(classifier.names, row.tolist(), strict=True))))
            else:
                print(f"{name}\t{label}\t{row[index]:.4f}")
    return 1 if failed else 0


def _json(name: str, label: str, probabilities: dict[str, float]) -> str:
    """Prediction as one line of JSON; a double represents every float32 exactly.

    JSON has neither NaN nor infinity: null replaces them, and the label they would decide.
    """
    numbers = {each: p if math.isfinite(p) else None for each, p in probabilities.items()}
    prediction = {
        "file": name,
        "label": None if None in numbers.values() else label,
        "probability": numbers[label],
        "probabilities": numbers,
    }
    return json.dumps(prediction, allow_nan=False)
