"""ONNX files of `cnnx import` and `cnnx train --from`, with errors that name options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    from cnnx.model.model import Model

# Arguments of cnnx.onnx.load in its errors -> options of `cnnx import`.
_OPTIONS = (
    (r"^load: ", ""),
    (r"outputs is \['(.*?)'\]", r"--output is \1"),
    (r"outputs=\['(.*?)'\]", r"--output \1"),
    (r"outputs=\[\.\.\.\]", "--output NAME"),
    (r"input_shape=\((\d+), (\d+), (\d+)\)", r"--size \1x\2 --channels \3"),
    (r"input_shape=\(height, width, channels\)", "--size HEIGHTxWIDTH"),
)


def load_onnx(file: Path, **arguments: Any) -> Model:
    """The model of an ONNX file; the arguments are those of `cnnx.onnx.load`.

    Raises:
        UserError: if the network needs other options, or has nodes without a layer in cnnx.
    """
    import cnnx

    try:
        return cnnx.onnx.load(file, **arguments)
    except cnnx.FormatError:
        raise
    except ValueError as error:
        sentence = str(error)
        for words, option in _OPTIONS:
            sentence = re.sub(words, option, sentence)
        raise UserError(sentence) from error


def load_onnx_base(file: Path, size: tuple[int, int] | None, channels: int) -> Model:
    """The model of an ONNX file for `cnnx train`, which has not all options of `cnnx import`.

    Raises:
        UserError: as `load_onnx`, with the command that converts the file if options are missing.
    """
    try:
        model = load_onnx(file, input_shape=None if size is None else (*size, channels))
        if model.heads:
            names = [head.name for head in model.heads]
            raise UserError(
                f"{file}: has {len(names)} outputs, {', '.join(names)}, expected one: "
                f"--output {names[0]}"
            )
        return model
    except UserError as error:
        sentence = f"--from {error}"
        if "--output" in sentence or "--channels" in sentence:
            command = f"cnnx import {file} --out {file.with_suffix('.cnnx')}"
            sentence += f"; cnnx import has this option: {command}"
        raise UserError(sentence) from error
