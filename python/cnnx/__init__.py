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

# Public name -> (module, name in that module). A module's own entry reads `from cnnx import data`.
_SOURCES = {
    public: (module, name)
    for module, name, public in _re.findall(
        r"^from (\S+) import (\w+) as (\w+)\b",
        _Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"),
        flags=_re.MULTILINE,
    )
}

__all__ = list(_SOURCES)


def __getattr__(name: str) -> object:
    if name not in _SOURCES:
        raise AttributeError(f"module 'cnnx' has no attribute {name!r}")
    module, own_name = _SOURCES[name]
    if module == "cnnx":
        value = _importlib.import_module(f"cnnx.{own_name}")
    else:
        value = getattr(_importlib.import_module(module), own_name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
