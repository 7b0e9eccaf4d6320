"""Model that `cnnx train --from` and `--init` start from: loaded, resized, partly frozen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.classifier import require_single_input
from cnnx.cli.errors import UserError, require_file
from cnnx.cli.onnx_file import load_onnx_base
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.data.dataset import Classes
    from cnnx.model.model import Model

_CHANNELS = 3  # of an ONNX file with --size


def base_for(classes: Classes, arguments: argparse.Namespace) -> Model:
    """The model of --from in the size of --size, with a new last layer for other classes.

    Raises:
        UserError: if the last layer cannot be replaced, or the network cannot have the size.
    """
    from cnnx._core import FormatError

    file: Path = arguments.from_file
    require_file(file)
    try:
        model = _loaded(file, arguments.size)
        require_single_input(model, f"--from {file}")
        freeze(model, arguments)
        copy = model.with_classes(classes, seed=arguments.seed)
    except FormatError:  # names the file
        raise
    except ValueError as error:
        reason = str(error)
        for begin in ("with_classes: ", "resized: ", f"load: {file}: "):
            reason = reason.removeprefix(begin)
        raise UserError(f"--from {file}: {reason}") from error
    print_frozen(copy, arguments)
    return copy


def freeze(model: Model, arguments: argparse.Namespace) -> None:
    """Freeze the layers of --freeze.

    Raises:
        UserError: if a pattern matches no layer with parameters.
    """
    for pattern in arguments.freeze:
        try:
            model.freeze(pattern)
        except ValueError as error:
            raise UserError(f"--freeze: {str(error).removeprefix('freeze: ')}") from error


def print_frozen(model: Model, arguments: argparse.Namespace) -> None:
    """Print the number of frozen layers of the model to train, whose last layer may be new.

    Raises:
        UserError: if --freeze matches no other layer.
    """
    if not arguments.freeze:
        return
    layers = [layer for layer in model.layers if layer.parameter_count]
    frozen = sum(not layer.trainable for layer in layers)
    if frozen == 0:
        raise UserError(
            f"--freeze {' '.join(arguments.freeze)} matches {layers[-1].name} alone, the new last "
            f"layer, which is trained, expected layers before it: --freeze {layers[0].name}"
        )
    print(f"frozen: {counted(frozen, 'layer')}", flush=True)


def _loaded(file: Path, size: tuple[int, int] | None) -> Model:
    """The model of a file of cnnx or of an ONNX file, for images of this size if one is given."""
    import cnnx

    if file.suffix.lower() != ".onnx":
        model = cnnx.load(file)
        return model if size is None else model.resized(size)
    # A file may leave the size open, so that it is needed to load the network.
    return load_onnx_base(file, size, _CHANNELS)
