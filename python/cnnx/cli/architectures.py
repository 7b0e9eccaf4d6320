"""Networks for --model: those of cnnx.models, or a function in a Python file of the user."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    from cnnx.data.dataset import Classes, InputShape, Pixels
    from cnnx.model.model import Model

_SHORT = {"lenet": "lenet5"}
# Number of images for the whitening of the first layer.
_WHITENING_IMAGES = 5000


def built_in_networks() -> dict[str, Callable[..., Model]]:
    """Functions of cnnx.models that build a network for an input shape, by name."""
    from cnnx import models

    return {
        name: function
        for name, function in ((name, getattr(models, name)) for name in models.__all__)
        if "input_shape" in inspect.signature(function).parameters
    }


def build_model(choice: str, input_shape: InputShape, classes: Classes, seed: int) -> Model:
    """Build the untrained model for the images.

    Raises:
        UserError: if there is no such network or function, or if the function fails or does not
            return a model for these classes.
    """
    from cnnx.model.custom_layers import custom_layer

    networks = built_in_networks()
    name = _SHORT.get(choice, choice.replace("-", "_"))
    if name in networks:
        build = networks[name]
        height, width, _ = input_shape
        try:
            return build(input_shape, classes, seed=seed)
        except ValueError as error:
            raise UserError(
                f"--model {choice} for images of {height} x {width}: {error}"
            ) from error
    file, colon, function = choice.rpartition(":")
    if not colon:
        raise UserError(
            f"--model {choice} is unknown; use {', '.join(networks)} or FILE.py:function"
        )
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else classes
    model = _call(Path(file), function, input_shape, names)
    layer = custom_layer(model._core)
    if layer is not None:
        raise UserError(
            f"--model {choice}: a file cannot hold the Python functions of layer {layer}; train "
            "such a model from Python, with cnnx.Trainer"
        )
    if model.classes is None and isinstance(classes, int):
        return model
    if model.classes is None or tuple(model.classes) != names:
        raise UserError(
            f"{choice} returned a model with other classes than the data's; "
            "pass the function's second argument on: cnnx.Model(..., classes=classes)"
        )
    return model


def initialise_from_images(choice: str, model: Model, x: Pixels) -> None:
    """Initialise the first layer of fast_cifar from images; other networks are unchanged."""
    from cnnx.models.fast_cifar import whiten

    if choice.replace("-", "_") == "fast_cifar":
        whiten(model, x[:_WHITENING_IMAGES])


def _call(file: Path, name: str, input_shape: InputShape, names: tuple[str, ...]) -> Model:
    """Call the user's function; an exception becomes an error with the line of their file."""
    from cnnx.model.model import Model

    try:
        function = _function(file, name)
        model = function(input_shape, list(names))
    except UserError:
        raise
    except Exception as error:
        frames = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == file.resolve()
        ]
        line = frames[-1] if frames else getattr(error, "lineno", None)
        where = f"{file}, line {line}" if line else str(file)
        raise UserError(f"{where}: {type(error).__name__}: {error}") from error
    if not isinstance(model, Model):
        raise UserError(
            f"{file}:{name} returned {type(model).__name__}, expected a cnnx.Model; "
            "write def network(input_shape, classes) -> cnnx.Model"
        )
    return model


def _function(file: Path, name: str) -> Callable[[InputShape, list[str]], object]:
    if not file.is_file():
        raise UserError(f"--model {file}:{name}: there is no file {file}")
    function = getattr(_load_module(file.resolve()), name, None)
    if not callable(function):
        raise UserError(f"--model {file}:{name}: {file} defines no function {name}")
    found: Callable[[InputShape, list[str]], object] = function
    return found


def _load_module(file: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(file.stem, file)
    if specification is None or specification.loader is None:
        raise UserError(f"{file}: is not a Python file (.py)")
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(file.parent))  # lets the file import modules in its folder
    try:
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
    return module
