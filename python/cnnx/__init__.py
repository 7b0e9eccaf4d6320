"""cnnx trains and runs convolutional neural networks on a CPU.

The public names are listed once, in ``__init__.pyi``. Each is loaded on first use, which keeps
``import cnnx`` and ``python -m cnnx --cmake-dir`` fast.

Example:
    >>> import cnnx
    >>> x, y = cnnx.data.xo(256, seed=1)
    >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
    >>> history = cnnx.Trainer(model).fit(x, y, epochs=1)
    >>> model.predict(x).shape
    (256,)
"""

import importlib as _importlib
import re as _re
from pathlib import Path as _Path

_STUB = _Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
# Public name -> (module, name in that module). A module's own entry reads `from cnnx import data`.
_SOURCES = {
    public: (module, name)
    for module, name, public in _re.findall(
        r"^from (\S+) import (\w+) as (\w+)\b", _STUB, flags=_re.MULTILINE
    )
}
# Modules whose `__all__` is public as a whole.
_STARRED = _re.findall(r"^from (\S+) import \*", _STUB, flags=_re.MULTILINE)


def __getattr__(name: str) -> object:
    value: object
    if name == "__all__":
        starred = [_importlib.import_module(module).__all__ for module in _STARRED]
        value = [*_SOURCES, *(each for names in starred for each in names)]
    elif name in _SOURCES:
        module, own_name = _SOURCES[name]
        if module == "cnnx":
            value = _importlib.import_module(f"cnnx.{own_name}")
        else:
            value = getattr(_importlib.import_module(module), own_name)
    elif home := _starred_home(name):
        value = getattr(_importlib.import_module(home), name)
    else:
        raise AttributeError(_why_missing(name))
    globals()[name] = value
    return value


def _starred_home(name: str) -> str | None:
    """The starred module that has the public name."""
    if name.startswith("_"):
        return None
    return next((m for m in _STARRED if name in _importlib.import_module(m).__all__), None)


def _why_missing(name: str) -> str:
    if name.startswith("_"):
        return f"module 'cnnx' has no attribute {name!r}"
    names = {"cnnx": __dir__()}
    for module in (
        "models",
        "data",
        "callbacks",
        "evaluation",
        "layers",
        "losses",
        "metrics",
        "sklearn",
        "weights",
    ):
        names[f"cnnx.{module}"] = _importlib.import_module(f"cnnx.{module}").__all__
    sentence: str = _importlib.import_module("cnnx.spelling").no_module_attribute(name, names)
    return sentence


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))
