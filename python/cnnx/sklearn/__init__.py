"""scikit-learn estimators: `CNNClassifier`, `CNNRegressor` and `CNNFeatures`.

scikit-learn is imported when the first of them is used: ``pip install 'cnnx[sklearn]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cnnx.spelling import nearest

if TYPE_CHECKING:
    from cnnx.sklearn.classifier import CNNClassifier
    from cnnx.sklearn.features import CNNFeatures
    from cnnx.sklearn.regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNFeatures", "CNNRegressor"]

_HOMES = {"CNNClassifier": "classifier", "CNNFeatures": "features", "CNNRegressor": "regressor"}
_OLDEST = (1, 6)  # the first version with validate_data and __sklearn_tags__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        expected = "".join(f", expected cnnx.sklearn.{each}" for each in nearest(name, __all__))
        raise AttributeError(f"module 'cnnx.sklearn' has no attribute {name!r}{expected}")
    _check_scikit_learn()
    value = getattr(importlib.import_module(f"cnnx.sklearn.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def _check_scikit_learn() -> None:
    """Refuse an environment without scikit-learn, or with too old a version.

    Raises:
        ImportError: if scikit-learn is missing or too old.
    """
    install = "pip install 'cnnx[sklearn]'"
    try:
        version = importlib.import_module("sklearn").__version__
    except (ModuleNotFoundError, AttributeError) as error:
        # A folder named sklearn imports as an empty package. Anything else scikit-learn lacks is
        # an error of its installation.
        if isinstance(error, ModuleNotFoundError) and error.name != "sklearn":
            raise
        raise ImportError(
            f"cnnx.sklearn: needs scikit-learn, which is not installed: {install}"
        ) from None
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        raise ImportError(
            f"cnnx.sklearn: scikit-learn is {version}, expected 1.6 or newer: {install}"
        )
