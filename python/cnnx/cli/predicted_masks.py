"""Masks of `cnnx predict`, for models with a class for each pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli.tab_separated import tab_separated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.cli.classifier import Classifier
    from cnnx.cli.image_arguments import ImageArgument


def predict_mask(
    image: ImageArgument,
    out: Path | None,
    classifier: Classifier,
    top: int | None,
    *,
    as_json: bool,
) -> str:
    """Predict the mask of an image file, write it, and describe it by a line.

    Args:
        image: the file.
        out: PNG file to write, in the size of the image and in a colour per class; or None.
        classifier: the model.
        top: number of classes in the line; None is one, or all in JSON.
        as_json: whether the line is JSON.

    Raises:
        ValueError: if the file cannot be read as an image.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a file cannot be read or written.
    """
    import numpy as np

    from cnnx.data.mask_labels import IGNORED

    mask = _mask(image.path, classifier)
    if out is not None:
        _write(mask, out)
    counts = np.bincount(mask.ravel(), minlength=IGNORED + 1)[: len(classifier.names)]
    pixels = max(1, int(counts.sum()))
    order = np.argsort(-counts, kind="stable").tolist()
    names = classifier.names
    if not as_json:
        most = order[: top or 1]
        cells = [cell for k in most for cell in (names[k], f"{counts[k] / pixels:.4f}")]
        return tab_separated([image.path, *cells])
    chosen = range(len(names)) if top is None else order[:top]
    line: dict[str, Any] = {
        "file": image.path,
        "mask": None if out is None else str(out),
        "label": names[order[0]],
        "fractions": {names[k]: float(counts[k] / pixels) for k in chosen},
    }
    return json.dumps(line, allow_nan=False)


def _mask(path: str, classifier: Classifier) -> NDArray[np.uint8]:
    """Labels of the pixels of an image file, in its size; 255 where the model sees none."""
    import numpy as np

    from cnnx import _core
    from cnnx.data.image import image_shape, read_image

    model = classifier.model
    height, width, _ = image_shape(path)
    resize = model.preprocessing.resize
    pixels = read_image(path, model.input_shape, resize=resize)
    probabilities = np.asarray(model.predict_proba(pixels[np.newaxis]))[0]
    if not np.isfinite(probabilities).all():
        raise FloatingPointError(f"{path}: the model's outputs are not finite")
    if probabilities.shape[-1] == 1:
        labels = probabilities[..., 0] > 0.5
    else:
        labels = probabilities.argmax(axis=-1)
    mask = np.ascontiguousarray(labels, np.uint8)
    mask = _core.resize_mask(mask, *model.input_shape[:2], "stretch")
    return _core.restore_mask(mask, height, width, resize)


def _write(mask: NDArray[np.uint8], out: Path) -> None:
    from cnnx.drawing.colours import CLASS_COLOURS
    from cnnx.drawing.png import png
    from cnnx.files.atomic_file import replace_file

    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(str(out), [png(mask, CLASS_COLOURS)])
