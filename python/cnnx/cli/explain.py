"""`cnnx explain`: which regions of images decide, and pages that walk them through the network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from cnnx.cli.tab_separated import tab_separated
from cnnx.cli.task import SEGMENTATION

if TYPE_CHECKING:
    from cnnx.cli.explained_images import ImageExplainer
    from cnnx.cli.explained_masks import MaskExplainer

METHODS = (
    *("grad-cam", "hires-cam", "score-cam", "saliency", "smooth-grad"),
    *("integrated-gradients", "occlusion"),
)
_FOLDER = Path("explanations")

_EPILOG = f"""\
Writes two files per image to {_FOLDER}/ or the folder of --out: photo-grad-cam.png, the image
under a map of the regions that decide, and photo.html, a page that walks the image through every
stage of the network and spells out the arithmetic. The page needs no network and no scripts.
Of one image --out may name the page: --out page.html writes page-grad-cam.png beside it.

Prints one line per image: file, predicted label, probability and the two files, separated by tabs.
Of a model with a class for each pixel the files are photo-mask.png, the image under the predicted
mask, and photo-grad-cam.png, the regions that decide for the pixels of one class: --class, else
the largest one besides the background, class 0. The line has this class and its part of the pixels.
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
        help="class to explain (default: the predicted one; of pixels the largest besides class 0)",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="layer whose maps grad-cam, hires-cam or score-cam explains (default: the last one, "
        "for pixels the last one of the smallest maps)",
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
    explainer = _explainer(arguments)
    images, failed = image_arguments(arguments.images, "explain")
    files = output_files(images, explainer.endings, arguments)
    for image, outputs in zip(images, files, strict=True):
        explained = _explain(explainer, image, outputs)
        failed = failed or not explained
    return 1 if failed else 0


def _explain(
    explainer: ImageExplainer | MaskExplainer, image: ImageArgument, files: Sequence[Path]
) -> bool:
    """Write the files of an image and print its line, or name the error on stderr."""
    from cnnx.files.atomic_file import replace_file

    pixels = read_or_complain(image.path, explainer.model, partial(complain, "explain"))
    if pixels is None:
        return False
    explained = explainer.explain(pixels, image.name)
    if explained is None:
        complain("explain", f"{image.path}: the model's outputs are not finite")
        return False
    for file, content in zip(files, explained.contents, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(file), [content])
    print(tab_separated([image.path, explained.label, f"{explained.number:.4f}", *map(str, files)]))
    return True


def _explainer(arguments: argparse.Namespace) -> ImageExplainer | MaskExplainer:
    """The explainer of a model and the options of the command line.

    Raises:
        UserError: if the model has no such class, or predicts something else than classes.
        ValueError: if the model has no such layer, or the method does not read a layer.
    """
    from cnnx.cli.classifier import Classifier
    from cnnx.cli.explained_images import ImageExplainer
    from cnnx.cli.explained_masks import MaskExplainer
    from cnnx.explain.methods import check_method

    classifier = Classifier(arguments.model)
    has_masks = classifier.model.task == SEGMENTATION
    if not has_masks:
        classifier.require_one_class("cnnx.explain.grad_cam")
    name, layer = arguments.method, arguments.layer
    option = f"--method {name}" if layer is None else "--layer"
    check_method(classifier.model, name, layer, option)
    index = _class_index(arguments.label, classifier.names)
    return (MaskExplainer if has_masks else ImageExplainer)(classifier, name, layer, index)


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
