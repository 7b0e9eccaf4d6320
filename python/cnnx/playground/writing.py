"""`cnnx.playground.write`: the page of a model."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnx.advice import warn
from cnnx.arguments import path_of, shown
from cnnx.files.atomic_file import replace_file
from cnnx.files.extensions import refuse_unless_page
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.model.compute_dtype import in_float32
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model, check_single_model
from cnnx.model.parameter_sizes import int8_counts
from cnnx.model.predictions import outputs_are_values
from cnnx.playground.page import Sample, playground_page
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike

# A page draws the maps of every layer and trains in one thread.
LARGE_FILE = 5_000_000

MOST_SAMPLES = 24


@checked_call
def write(
    path: str | os.PathLike[str],
    model: Model,
    *,
    images: ImageLike | None = None,
    title: str = "Playground",
) -> None:
    """Write a page in which a classifier runs: one HTML file, without server and network.

    On the page readers draw or drop an image and see what every layer computes, the arithmetic of
    any cell, and which regions decide. They change filters by hand, train the model on their own
    images and classes, and download it as a file that `cnnx.load` reads. The page computes in
    float32, with the bits of the instruction set "baseline".

    Args:
        path: HTML file to write; an existing page is replaced, another file is refused.
        model: a classifier. Its page has about 1.4 times the bytes of its file, and 0.8 MB more.
        images: at most 24 images to begin with, as for a call of the model. None is a drawn X.
        title: title of the page.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if the model is no classifier or has int8 weights, if `images` do not fit it or
            are too many, or if `path` has the extension of another format.
        FileNotFoundError: if cnnx was installed without its WebAssembly module.
        OSError: if the file cannot be written, or is an existing one of another kind.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=2)
        >>> cnnx.playground.write("xo.html", model, images=x[:8])  # doctest: +SKIP
    """
    name = path_of(path, "write")
    refuse_other_kind(name, FileKind.PAGE, "write: path")
    refuse_unless_page(name, "write: path")
    check_model(model, "write")
    if not isinstance(title, str):
        raise TypeError(f"write: title is {shown(title)}, expected text")
    check_classifier(model)
    write_page(name, model, title, _samples(model, images))


def write_page(path: str, model: Model, title: str, samples: list[Sample]) -> None:
    """Write the page of a model, replacing the file as a whole.

    Args:
        path: file.
        model: a classifier, as `check_classifier` accepts it.
        title: title of the page.
        samples: images to begin with.
    """
    content = in_float32(model)._core.to_bytes()  # browsers emulate others, more slowly
    _warn_of_large_file(len(content))
    page = playground_page(content, title, samples)
    replace_file(path, [page.encode("utf-8", "backslashreplace")])


def sample(name: str, pixels: NDArray[np.uint8]) -> Sample:
    """An image to begin with, of the model's size."""
    return Sample(name, base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode("ascii"))


def check_classifier(model: Model) -> None:
    """Refuse a model without probabilities of classes, or whose weights a page cannot change.

    Raises:
        ValueError: if it is one.
    """
    for name in int8_counts(model._core):
        raise ValueError(
            f"write: {name}.weight is int8, expected a model with float32 weights, which a page "
            "trains: write the page of the model that was quantized"
        )
    check_single_model(model, "write")
    if outputs_are_values(model._core):
        raise ValueError(
            "write: the model predicts values, expected a classifier: trained with "
            "cnnx.CrossEntropy or cnnx.BinaryCrossEntropy"
        )
    if len(model.output_shape) != 1:
        raise ValueError(
            f"write: the model's output has shape {model.output_shape}, expected one number per "
            "class"
        )


def _warn_of_large_file(size: int) -> None:
    if size > LARGE_FILE:
        warn(
            f"write: the model has {size / 1e6:.1f} MB, expected at most {LARGE_FILE / 1e6:.0f} MB "
            "for a page that answers at once; a smaller network such as cnnx.models.resnet20() "
            "suits pages"
        )


def _samples(model: Model, images: ImageLike | None) -> list[Sample]:
    if images is None:
        return []
    pixels, integers, _ = model._images(images, "write")
    if len(pixels) > MOST_SAMPLES:
        raise ValueError(
            f"write: images holds {len(pixels):,} images, expected at most {MOST_SAMPLES}: "
            f"images[:{MOST_SAMPLES}]"
        )
    scale = 1 if integers else 255
    rounded = np.rint(np.clip(pixels.astype(np.float32) * scale, 0, 255)).astype(np.uint8)
    return [sample(f"image {number}", each) for number, each in enumerate(rounded, 1)]
