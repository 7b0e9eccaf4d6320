"""Model that `cnnx train --from` and `--init` start from: loaded, resized, partly frozen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.errors import UserError, counted, require_file

if TYPE_CHECKING:
    from cnnx.data.dataset import Classes
    from cnnx.model.model import Model


def base_for(classes: Classes, arguments: argparse.Namespace) -> Model:
    """The model of --from in the size of --size, with a new last layer for other classes.

    Raises:
        UserError: if the last layer cannot be replaced, or the network cannot have the size.
    """
    import cnnx

    file: Path = arguments.from_file
    require_file(file)
    model = cnnx.load(file)
    freeze(model, arguments)
    try:
        if arguments.size is not None:
            model = model.resized(arguments.size)
        return model.with_classes(classes, seed=arguments.seed)
    except ValueError as error:
        reason = str(error).removeprefix("with_classes: ").removeprefix("resized: ")
        raise UserError(f"--from {file}: {reason}") from error


def freeze(model: Model, arguments: argparse.Namespace) -> None:
    """Freeze the layers of --freeze, and print their number.

    Raises:
        UserError: if a pattern matches no layer with parameters.
    """
    frozen = 0
    for pattern in arguments.freeze:
        try:
            frozen += len(model.freeze(pattern))
        except ValueError as error:
            raise UserError(f"--freeze: {str(error).removeprefix('freeze: ')}") from error
    if frozen:
        print(f"frozen: {counted(frozen, 'layer')}", flush=True)
