"""Images in every form that a model accepts: files, images of Pillow, tensors and arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnnx._core import FormatError, get_num_threads
from cnnx.arguments import path_of, shown
from cnnx.data.dataset import Dataset, ImageLike, InputShape, Pixels
from cnnx.data.decoding import MOST_THREADS, in_threads
from cnnx.data.image import ImageReader, image_shape, upright_shape
from cnnx.data.image_files import nested_image_names
from cnnx.data.memory import DecodingMemory


def array_of(value: ImageLike, input_shape: InputShape, resize: str, function: str) -> ArrayLike:
    """Images that are no NumPy array as one, or as lists that NumPy converts.

    Args:
        value: image files and images of Pillow, which become uint8 pixels of the model's size;
            tensors and other objects with `__array__` or `__dlpack__`; or anything else, which is
            returned as it is.
        input_shape: (height, width, channels) of a model.
        resize: "stretch", "fit" or "crop".
        function: named in errors.

    Raises:
        TypeError: if files or images of Pillow stand beside arrays, or NumPy cannot read a tensor.
        FormatError: if a file or an image of Pillow cannot be read as an image.
        ValueError: if a path is a folder.
        OSError: if a file cannot be opened.
        ImportError: if there is a file and Pillow is not installed.
    """
    found: Any = _as_numpy(value, function)
    if isinstance(found, np.ndarray) and found.dtype.kind in "OU":
        listed = found.tolist()
        found = listed if _is_image(listed) or holds_images(listed) else found
    if _is_image(found):
        one: Pixels = _decoded([found], input_shape, resize, f"{function}: x is")[0]
        return one
    if not isinstance(found, (list, tuple)) or not found:
        return found
    if holds_images(found):
        return _decoded(found, input_shape, resize, f"{function}: x holds")
    files = [each for each in found if _is_image(each)]
    if files:
        other = next(each for each in found if not _is_image(each))
        raise TypeError(
            f"{function}: x holds {shown(files[0])} beside {shown(other)}, expected files and "
            "images of Pillow alone, or arrays alone"
        )
    return [_as_numpy(each, function) for each in found]


def refuse_other(value: Any, function: str) -> None:
    """Refuse what is no image, and name the expression that makes images of it.

    Args:
        value: anything that is no array of NumPy.
        function: named in errors.

    Raises:
        TypeError: if it is a Dataset, a pair of images and labels, or an object without numbers.
    """
    remedy = ""
    if isinstance(value, Dataset):
        remedy = ": dataset.x"
    elif isinstance(value, (bytes, bytearray)):
        remedy = ": PIL.Image.open(io.BytesIO(x))"
    elif hasattr(value, "read"):
        remedy = ": PIL.Image.open(x)"
    elif isinstance(value, Iterator):
        remedy = ": list(x)"
    elif _is_pair(value):
        remedy = ", without labels: x[0]"
    elif value is not None:
        return
    raise TypeError(
        f"{function}: x is {'a pair of arrays' if _is_pair(value) else shown(value)}, expected an "
        "array of images, the path of an image file, an image of Pillow, or a list of these"
        f"{remedy}"
    )


def _is_pair(value: object) -> bool:
    """Whether it is (x, y): arrays of images or one image, and labels of fewer axes."""
    if not (isinstance(value, tuple) and len(value) == 2):
        return False
    axes = getattr(value[0], "ndim", 0)
    return axes >= 2 and np.ndim(value[1]) < axes


def image_at_its_size(value: Any, channels: int, function: str) -> Any:
    """An image file or an image of Pillow as uint8 pixels of its own size; anything else as it is.

    Args:
        value: what a caller passed as x.
        channels: 1 or 3, those of a model.
        function: named in errors.

    Raises:
        TypeError: if it is a list of image files or images of Pillow.
        FormatError: if the image cannot be read.
        ValueError: if a path is a folder, or the model has other numbers of channels.
        OSError: if a file cannot be opened.
        ImportError: if there is a file and Pillow is not installed.
    """
    refuse_other(value, function)
    if holds_images(value):
        raise TypeError(
            f"{function}: x is a list of image files or images of Pillow, expected one, because "
            f"each has its own size: [model.{function}(each) for each in x]"
        )
    if not _is_image(value):
        return value
    if channels not in (1, 3):
        raise ValueError(
            f"{function}: x is an image, but the model has {channels} channels, expected an array "
            f"(height, width, {channels})"
        )
    begin = f"{function}: x is"
    is_file = isinstance(value, (str, os.PathLike))
    shape = image_shape(_file_of(value, begin)) if is_file else upright_shape(value)
    return _decoded([value], (*shape[:2], channels), "stretch", begin)[0]


def holds_images(value: object) -> bool:
    """Whether it is a list of image files and images of Pillow."""
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_image, value))


def reordering(value: ImageLike) -> str:
    """Begin of the expression that moves the channels of images to the end, before the axes."""
    is_list = isinstance(value, (list, tuple)) and len(value) > 0
    if not hasattr(value[0] if is_list else value, "permute"):  # type: ignore[index]
        return "x.transpose"
    return "torch.stack(x).permute" if is_list else "x.permute"


def _is_image(value: object) -> bool:
    """Whether it is an image file or an image of Pillow, whose module is then loaded."""
    if isinstance(value, (str, os.PathLike)):
        return True
    module: Any = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _as_numpy(value: Any, function: str) -> Any:
    """A tensor as an array; anything else as it is."""
    has_array, has_dlpack = hasattr(value, "__array__"), hasattr(value, "__dlpack__")
    if isinstance(value, np.ndarray) or not (has_array or has_dlpack):
        return value
    if hasattr(value, "detach"):  # of PyTorch, whose conversion refuses tensors with gradients
        value = value.detach()
    try:
        return np.asarray(value) if has_array else np.from_dlpack(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise TypeError(
            f"{function}: x is a {type(value).__name__} that NumPy cannot read ({reason}), "
            "expected numbers in main memory, such as x.float().cpu()"
        ) from error


def _decoded(images: Sequence[Any], shape: InputShape, resize: str, begin: str) -> Pixels:
    """Pixels of image files and images of Pillow, (count, height, width, channels)."""
    reader = ImageReader(shape, resize, DecodingMemory())

    def read(image: Any) -> Pixels:
        if not isinstance(image, (str, os.PathLike)):
            try:
                return reader.convert(image)
            except FormatError as error:
                raise FormatError(f"{begin} an image of Pillow that {error}") from error.__cause__
        return reader.read(_file_of(image, begin))

    # Images of Pillow may share a file, which one thread at a time may read.
    are_files = all(isinstance(each, (str, os.PathLike)) for each in images)
    threads = min(MOST_THREADS, get_num_threads()) if are_files else 1
    pixels = np.empty((len(images), *shape), np.uint8)
    for row, image in enumerate(in_threads(read, images, threads)):
        pixels[row] = image
    return pixels


def _file_of(image: Any, begin: str) -> str:
    """The path of an image file, which is no folder."""
    path = path_of(image, begin.partition(":")[0], "x")
    if Path(path).is_dir():
        raise ValueError(f"{begin} the folder {path!r}, {_instead_of(path)}")
    return path


def _instead_of(folder: str) -> str:
    """What to pass instead of a folder."""
    names = nested_image_names(Path(folder))
    if not names:
        return "which holds no images, expected image files"
    pattern = f"*{Path(names[0]).suffix}"
    return f"expected image files: sorted(pathlib.Path({folder!r}).rglob({pattern!r}))"
