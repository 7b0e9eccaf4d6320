"""Serialisation of plain values and settings classes for a checkpoint's metadata.

The result is a JSON text and a set of arrays. Real numbers are arrays, which preserves their bits;
the text has the names of the arrays in their place.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import shown
from cnnx.training.metadata_checks import members

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

# References from the text to an array: a single number, a list of numbers, a float32 or 64 array.
_REAL, _REALS, _ARRAY = "@real", "@reals", "@array"
_AXES = {_REAL: 0, _REALS: 1, _ARRAY: None}  # of the array; None for any number
_RECIPE = "@recipe"


def pack(value: object) -> tuple[str, Arrays]:
    """Serialise a value of None, bool, int, str, float, dict, list, tuple, arrays and dataclasses.

    Raises:
        TypeError: if there is anything else in it, or a name that is no text.

    Example:
        >>> pack({"epochs": 3, "rate": 0.1})
        ('{"epochs":3,"rate":{"@real":"rate"}}', {'rate': array(0.1)})
    """
    arrays: Arrays = {}
    return json.dumps(_packed(value, "", arrays), separators=(",", ":")), arrays


def _packed(value: object, path: str, arrays: Arrays) -> object:
    def inside(name: object) -> str:
        return f"{path}.{name}" if path else str(name)

    def saved(array: NDArray[Any]) -> str:
        name = path
        while name in arrays:  # a name with a dot may look like a path
            name += "'"
        arrays[name] = array
        return name

    if isinstance(value, np.ndarray):
        return {_ARRAY: saved(np.array(value, order="C"))}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return {_REAL: saved(np.array(float(value)))}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(each, float) for each in value):
            return {_REALS: saved(np.array(value))}
        return [_packed(each, inside(place), arrays) for place, each in enumerate(value)]
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{path} has the name {shown(name)}, expected text")
        return {name: _packed(each, inside(name), arrays) for name, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = {
            each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init
        }
        return {_RECIPE: type(value).__name__, "settings": _packed(settings, path, arrays)}
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{path} is {shown(value)}, expected plain values and arrays")
    return value


def unpack(text: str, arrays: Mapping[str, NDArray[Any]], recipes: Mapping[str, type]) -> Any:
    """Deserialise the result of `pack`, with lists for tuples.

    Args:
        text: JSON text.
        arrays: arrays by name.
        recipes: settings classes that may be constructed, by name.

    Raises:
        ValueError: if the text is malformed, a name is unknown, or a class refuses its settings.
        TypeError: if a setting has another type.
    """
    return _unpacked(json.loads(text), "", arrays, recipes)


def _unpacked(
    value: object, path: str, arrays: Mapping[str, NDArray[Any]], recipes: Mapping[str, type]
) -> Any:
    def inside(name: object, each: object) -> Any:
        return _unpacked(each, f"{path}.{name}" if path else str(name), arrays, recipes)

    if isinstance(value, list):
        return [inside(place, each) for place, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if _RECIPE in value:
        members(value, path, (_RECIPE, "settings"))
        return _recipe(value[_RECIPE], inside("settings", value["settings"]), path, recipes)
    if len(value) == 1:
        ((kind, name),) = value.items()
        if kind in _AXES:
            return _array(kind, name, path, arrays)
    return {name: inside(name, each) for name, each in value.items()}


def _recipe(name: object, settings: object, path: str, recipes: Mapping[str, type]) -> Any:
    """A settings class with these settings; missing ones have their defaults."""
    if not isinstance(name, str) or name not in recipes:
        raise ValueError(f"{path} is of the class {shown(name)}, expected one such as SGD")
    known = [each for each in dataclasses.fields(recipes[name]) if each.init]
    names = [each.name for each in known]
    if not isinstance(settings, dict) or not set(settings) <= set(names):
        raise ValueError(
            f"{path}.settings is {shown(settings)}, expected settings of {name}: {', '.join(names)}"
        )
    for each in known:
        required = each.default is each.default_factory is dataclasses.MISSING
        if required and each.name not in settings:
            raise ValueError(f"{path}.settings has no {each.name}")
    return recipes[name](**settings)


def _array(kind: str, name: object, path: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(name, str) or name not in arrays:
        raise ValueError(f"{path} is the array {shown(name)}, which the file does not have")
    array = arrays[name]
    axes = _AXES[kind]
    if axes is not None and array.ndim != axes:
        expected = "a number" if axes == 0 else "a list of numbers"
        raise ValueError(f"{path} is an array of shape {array.shape}, expected {expected}")
    return array if axes is None else array.tolist()
