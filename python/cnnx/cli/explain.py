"""`cnnx explain`: which regions of images decide, and pages that walk them through the network."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cnnx.cli.errors import UserError, complain
from cnnx.cli.image_arguments import (
    ImageArgument,
    add_model_and_images,
    image_arguments,
    read_or_complain,
)
from cnnx.cli.image_outputs import output_files
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import add_threads, use_threads

METHODS = (
    *("grad-cam", "hires-cam", "score-cam", "saliency", "smooth-grad"),
    *("integrated-gradients", "occlusion"),
)
_FOLDER = Path("explanations")

_EPILOG = f"""\
Writes two files per image to {_FOLDER}/ or the folder of --out: photo-grad-cam.png, the image
under a map of the regions that decide, and photo.html, a page that walks the image through every
stage of the network and spells out the arithmetic. The page needs no network and no scripts.

Prints one line per image: file, predicted label, probability and the two files, separated by tabs.
Of a folder, all image files in it and its subfolders are explained. Files that cannot be read as
images, folders without images, and images for which the model's outputs are not finite, are named
on stderr. The other files are explained, and the exit status is 1.

examples:
  cnnx explain pets.cnnx photo.jpg
  cnnx explain pets.cnnx photo.jpg --class dog --method occlusion
  cnnx explain pets.cnnx mistakes --out why
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "explain",
        help="show what a model sees in images",
        description="Shows which regions of images decide, and what every layer computes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_and_images(parser)
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        metavar="NAME",
        help=f"kind of map: {', '.join(METHODS)} (default: {METHODS[0]})",
    )
    parser.add_argument(
        "--class",
        dest="label",
        metavar="NAME",
        help="class to explain (default: the predicted one)",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="layer whose maps grad-cam, hires-cam or score-cam explains (default: the last one)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=_FOLDER, help=f"folder (default: {_FOLDER})"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files in the folder")
    add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files of every image; return 1 if an image cannot be read or explained."""
    use_threads(arguments)
    explainer = _Explainer(arguments)
    images, failed = image_arguments(arguments.images, "explain")
    for image, outputs in zip(images, _outputs(images, arguments), strict=True):
        explained = explainer.explain(image, outputs)
        failed = failed or not explained
    return 1 if failed else 0


class _Outputs(NamedTuple):
    """Files that are written for an image."""

    overlay: Path
    page: Path


class _Explainer:
    """A model and the options of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Load the model and check the options.

        Raises:
            UserError: if the model has no such class, or does not predict one per image.
            ValueError: if the model has no such layer, or the method does not read a layer.
        """
        from cnnx.cli.classifier import Classifier
        from cnnx.explain.methods import check_method

        self._classifier = Classifier(arguments.model)
        self._classifier.require_one_class()
        self._method, self._layer = arguments.method, arguments.layer
        option = f"--method {self._method}" if self._layer is None else "--layer"
        check_method(self._classifier.model, self._method, self._layer, option)
        self._index = _class_index(arguments.label, self._classifier.names)

    def explain(self, image: ImageArgument, outputs: _Outputs) -> bool:
        """Write the files of an image and print its line, or name the error on stderr."""
        import numpy as np

        from cnnx.data.atomic_file import replace_file
        from cnnx.drawing.png import png
        from cnnx.explain.walkthrough import explained_image

        classifier = self._classifier
        pixels = read_or_complain(image.path, classifier.model, partial(complain, "explain"))
        if pixels is None:
            return False
        probabilities = classifier.probabilities(pixels[np.newaxis])[0]
        if not np.isfinite(probabilities).all():
            complain("explain", f"{image.path}: the model's outputs are not finite")
            return False
        best = int(probabilities.argmax())
        explained = explained_image(
            classifier.model,
            pixels,
            classes=best if self._index is None else self._index,
            method=self._method,
            layer=self._layer,
            # An undecodable name has characters that UTF-8 cannot encode.
            name=image.name.encode("utf-8", "backslashreplace").decode(),
        )
        outputs.overlay.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(outputs.overlay), [png(explained.overlay)])
        replace_file(str(outputs.page), [explained.page.encode()])
        line = (image.path, classifier.names[best], f"{probabilities[best]:.4f}", *outputs)
        print(*line, sep="\t")
        return True


def _class_index(label: str | None, names: list[str]) -> int | None:
    """The index of a class, or None for the predicted one.

    Raises:
        UserError: if the model has no such class.
    """
    from cnnx.spelling import nearest

    if label is None or label in names:
        return None if label is None else names.index(label)
    expected = (nearest(label, names) or [f"one of {', '.join(names)}"])[0]
    raise UserError(f"--class is {label}, expected {expected}")


def _outputs(images: list[ImageArgument], arguments: argparse.Namespace) -> list[_Outputs]:
    """The files to write for each image.

    Raises:
        UserError: if one exists, cannot be written or is one of the images.
    """
    endings = (f"-{arguments.method}.png", ".html")
    return [_Outputs(*files) for files in output_files(images, endings, arguments)]
