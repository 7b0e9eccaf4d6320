"""Choice of the file's array for each array of a model: by given names, by a table, by order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cnnx.arguments import shown
from cnnx.spelling import nearest
from cnnx.weights.layer_arrays import LayerArrays, Shape
from cnnx.weights.stored_array import StoredArray
from cnnx.weights.tables import Table, tables

Arrays: TypeAlias = "Mapping[str, StoredArray]"
Pairs: TypeAlias = "dict[str, str]"  # array of the model -> array of the file

_MOST_NAMED = 4  # names that an error suggests
_COUNTER = "num_batches_tracked"  # of batch norms, read by nothing
# Array of a layer -> its name in PyTorch.
_ARRAYS = {
    "weight": "weight",
    "bias": "bias",
    "running_mean": "running_mean",
    "running_variance": "running_var",
}
# What decides whether a module may belong to a layer: a kind, and the names and shapes of arrays.
_Signature: TypeAlias = "tuple[str, frozenset[tuple[str, Shape]]]"
# A PReLU of PyTorch has one slope for all channels by default.
_SINGLE_SLOPE: _Signature = ("channels", frozenset({("weight", (1,))}))


@dataclass(frozen=True)
class Match:
    """Result of a choice.

    Attributes:
        rule: how the arrays were chosen, for the report.
        pairs: array of the file by the array of the model.
    """

    rule: str
    pairs: Pairs


def is_counter(name: str) -> bool:
    """Whether an array of a file is one that no model has."""
    return name.rpartition(".")[2] == _COUNTER


def matched(
    layers: Sequence[LayerArrays], arrays: Arrays, names: Mapping[str, str] | None, is_sorted: bool
) -> Match:
    """Match the arrays of a file to those of a model.

    Args:
        layers: layers of the model, in order of definition.
        arrays: arrays of the file by name.
        names: the file's names by the model's, of layers or of arrays; None finds them.
        is_sorted: whether the file sorts its arrays, so that their order says nothing.

    Raises:
        ValueError: if the model or the file has no array of a name in `names`, or the order of
            arrays of the same shape is unknown.
    """
    modules = _modules(arrays)
    if names is not None:
        return Match("the given names", _by_given_names(layers, arrays, modules, names))
    if all(layer.name in modules for layer in layers):
        return Match("equal names", _of_modules(layers, [each.name for each in layers], modules))
    table, found = _nearest_table(modules)
    if len(found) == len(layers) and 2 * len(modules.keys() & set(found)) > len(found):
        return Match(f"the names of {table}", _of_modules(layers, found, modules))
    return Match("kind, shape and order", _by_order(layers, arrays, modules, is_sorted))


# Array of a module by its name in PyTorch, such as "running_var".
_Module: TypeAlias = "dict[str, str]"


def _modules(arrays: Arrays) -> dict[str, _Module]:
    """Modules of the file by name, in the order of their first arrays.

    An array with a name of its own, such as a factor per channel, is a module with one weight.
    """
    modules: dict[str, _Module] = {}
    for name in arrays:
        module, _, array = name.rpartition(".")
        if array in _ARRAYS.values():
            modules.setdefault(module, {})[array] = name
        elif array != _COUNTER:
            modules[name] = {"weight": name}
    return modules


def _nearest_table(modules: Mapping[str, _Module]) -> tuple[str, Table]:
    """The network most of whose names the file has, and few others, and these names."""
    own = set(modules)
    return max(tables().items(), key=lambda each: len(own & {*each[1]}) / len(own | {*each[1]}))


def _of_modules(
    layers: Iterable[LayerArrays], names: Iterable[str], modules: Mapping[str, _Module]
) -> Pairs:
    """Arrays of layers and of the modules of the same position, as far as both have them."""
    return {
        f"{layer.name}.{array}": modules[name][_ARRAYS[array]]
        for layer, name in zip(layers, names, strict=True)
        for array in layer.shapes
        if _ARRAYS[array] in modules.get(name, ())
    }


def _by_given_names(
    layers: Iterable[LayerArrays],
    arrays: Arrays,
    modules: Mapping[str, _Module],
    names: Mapping[str, str],
) -> Pairs:
    by_name = {layer.name: layer for layer in layers}
    own = {f"{layer.name}.{array}" for layer in by_name.values() for array in layer.shapes}
    pairs: Pairs = {}
    for name, of_file in names.items():
        if name not in by_name and name not in own:
            raise _unknown("the model", name, [*by_name, *own])
        known: Mapping[str, object] = modules if name in by_name else arrays
        if of_file not in known:
            raise _unknown("the file", of_file, [*known])
        if name in by_name:
            pairs.update(_of_modules([by_name[name]], [of_file], modules))
        else:
            pairs[name] = of_file
    return pairs


def _unknown(where: str, name: str, known: Sequence[str]) -> ValueError:
    expected = nearest(name, known) or [f"one of {', '.join(known[:_MOST_NAMED])}, ..."]
    return ValueError(
        f"load_into: names holds {shown(name)}, which {where} does not have, expected {expected[0]}"
    )


def _by_order(
    layers: Sequence[LayerArrays],
    arrays: Arrays,
    modules: Mapping[str, _Module],
    is_sorted: bool,
) -> Pairs:
    """Pair the layers and the modules of each kind and shape, in order.

    Where the numbers of layers and modules differ, none of them is paired.
    """
    of_file: dict[_Signature, list[str]] = defaultdict(list)
    for name, module in modules.items():
        of_file[_signature_of_module(module, arrays)].append(name)
    prelus = sum(layer.kind == "prelu" for layer in layers)
    has_single_slopes = prelus == len(of_file.get(_SINGLE_SLOPE, ()))
    of_model: dict[_Signature, list[LayerArrays]] = defaultdict(list)
    for layer in layers:
        is_single = layer.kind == "prelu" and has_single_slopes
        of_model[_SINGLE_SLOPE if is_single else _signature_of_layer(layer)].append(layer)
    pairs: Pairs = {}
    for signature, group in of_model.items():
        names = of_file.get(signature, [])
        if len(names) != len(group):
            continue
        if is_sorted:
            names = _by_number(names)
        pairs.update(_of_modules(group, names, modules))
    return pairs


def _signature_of_module(module: _Module, arrays: Arrays) -> _Signature:
    shapes = {array: arrays[name].shape for array, name in module.items()}
    axes = len(shapes.get("weight", ()))
    if "running_mean" in shapes:
        kind = "batch norm"
    elif axes == 4:
        kind = "convolution"
    elif axes == 2:
        kind = "dense"
    else:
        kind = "channels"
        shapes = {array: (_vector(shape),) for array, shape in shapes.items()}
    return kind, frozenset(shapes.items())


def _vector(shape: Shape) -> int:
    """Size of the only axis above 1; 0 if there are several."""
    sizes = [size for size in shape if size != 1]
    return 1 if not sizes else sizes[0] if len(sizes) == 1 else 0


def _signature_of_layer(layer: LayerArrays) -> _Signature:
    shapes = {_ARRAYS[array]: layer.pytorch_shape(array) for array in layer.shapes}
    if "running_mean" in shapes:
        kind = "batch norm"
    elif layer.kind in ("conv2d", "conv_transpose2d"):
        kind = "convolution"
    else:
        kind = "dense" if layer.kind == "dense" else "channels"
    return kind, frozenset(shapes.items())


def _by_number(names: Sequence[str]) -> list[str]:
    """Names that differ in numbers only, in the order of the numbers.

    Raises:
        ValueError: if they differ in letters, which say nothing about the order.
    """
    forms = {re.sub(r"\d+", "#", name): name for name in names}
    if len(forms) > 1:
        first, second, *_ = forms.values()
        raise ValueError(
            f"load_into: the file sorts its arrays by name, and {first} and {second} have the same "
            "shapes, so that their order is unknown; name the modules: "
            f"names={{'conv2d_1': {first!r}, ...}}"
        )
    return sorted(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
