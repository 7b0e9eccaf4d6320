"""Weights of other libraries' files in a model of cnnx, and the report of what went where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import FloatArray, boolean, listed, path_of, shown
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import checked_call
from cnnx.weights.layer_arrays import LayerArrays, Shape, layers_in_order
from cnnx.weights.matching import Match, is_counter, matched
from cnnx.weights.pytorch import OLDER, ZIP, pytorch_arrays
from cnnx.weights.safetensors import safetensors_arrays
from cnnx.weights.stored_array import StoredArray
from cnnx.weights.weight_file import opened

_LONGEST_NAME = 500  # characters


@dataclass(frozen=True)
class LoadReport:
    """What `load_into` did; `print(report)` prints it as a table.

    Attributes:
        rule: how the arrays were matched.
        pairs: array of the file by the array of the model that has its values now.
        missing: arrays of the model without a counterpart, which kept their values.
        unused: arrays of the file without a counterpart.
        shapes: shapes of the arrays of both sides in `pairs`, in the order of the model.
    """

    rule: str
    pairs: dict[str, str]
    missing: list[str]
    unused: list[str]
    shapes: dict[str, tuple[Shape, Shape]]

    def __str__(self) -> str:
        rows = [("model", "shape", "file", "shape")]
        for name, stored in self.pairs.items():
            own, other = self.shapes[name]
            rows.append((name, str(own), stored, str(other)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        for title, names in (("kept", self.missing), ("unused", self.unused)):
            lines += [f"{title}: {name}" for name in names]
        return "\n".join([*lines, f"{len(self.pairs)} arrays by {self.rule}"])


@checked_call
def load_into(
    model: Model,
    path: str | os.PathLike[str],
    *,
    names: Mapping[str, str] | None = None,
    strict: bool = True,
) -> LoadReport:
    """Load the weights of a PyTorch network into a model of the same structure.

    The arrays are matched by `names`, or if it is None by the first rule that applies: names of
    modules that equal those of the model's layers; the names of a well-known network of torchvision
    or timm; the kind and shape of the layers, those of the same shape in their order of definition.
    By the last rule two layers of the same shape may be exchanged if the network defines them in
    another order than it computes them: compare the returned table with the network.

    Convolutions, dense layers, also after a flatten, norms, `Scale2d` and `PReLU` are converted.
    Running variances are matched, and counters of batches ignored. Nothing changes in the model if
    an error is raised.

    Args:
        model: its weights are replaced.
        path: a safetensors file, or a file of `torch.save` that holds a state dict, by itself or
            under "state_dict", "model_state_dict", "model", "net" or "module". No code in the file
            is run; a file that has some is refused. Numbers are float32, float16, bfloat16 or
            float64, which is rounded.
        names: the model's names -> the file's, of layers (`{"conv2d_1": "conv1"}`) or of single
            arrays (`{"conv2d_1.weight": "stem.kernel"}`).
        strict: whether every array of the model and of the file has to be used. Otherwise the
            arrays that fit are loaded, at least one; the report has the others.

    Returns:
        What went where.

    Raises:
        cnnx.FormatError: a ValueError, if the file is damaged, of another kind, or refers to
            anything but arrays.
        ValueError: if the arrays do not fit the model; the message names the first ones.
        OSError: if the file cannot be read.

    Example:
        >>> import struct, tempfile
        >>> from pathlib import Path
        >>> from cnnx import Conv2d, Model
        >>> model = Model([Conv2d(1, 1, bias=False)], input_shape=(8, 8, 2))
        >>> header = b'{"stem.weight":{"dtype":"F32","shape":[1,2,1,1],"data_offsets":[0,8]}}'
        >>> content = struct.pack("<Q", len(header)) + header + struct.pack("<2f", 3, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "stem.safetensors"
        ...     _ = path.write_bytes(content)
        ...     report = load_into(model, path)
        >>> print(report)
        model            shape         file         shape
        conv2d_1.weight  (1, 1, 2, 1)  stem.weight  (1, 2, 1, 1)
        1 arrays by kind, shape and order
        >>> model.parameters["conv2d_1.weight"].ravel()
        array([3., 4.], dtype=float32)
    """
    check_model(model, "load_into")
    _check_names(names)
    boolean(strict, "load_into", "strict")
    if isinstance(path, Mapping):
        raise TypeError(
            "load_into: path is a mapping of arrays, expected the path of a file, which PyTorch "
            "writes: torch.save(network.state_dict(), 'weights.pth')"
        )
    place = path_of(path, "load_into")
    with opened(place) as file:
        is_pytorch = file.begins_with(ZIP) or file.begins_with(OLDER)
        arrays = pytorch_arrays(file) if is_pytorch else safetensors_arrays(file)
    _check_array_names(arrays, place)
    layers = layers_in_order(model._core)
    match = matched(layers, arrays, names, is_sorted=not is_pytorch)
    owners = {f"{layer.name}.{array}": (layer, array) for layer in layers for array in layer.shapes}
    report = _report(match, owners, arrays, place, strict=strict or names is not None)
    if strict or not report.pairs:
        _check_complete(report, owners, arrays, place)
    values: dict[str, FloatArray] = {}
    for name, stored in report.pairs.items():
        layer, array = owners[name]
        values[name] = layer.converted(array, arrays[stored])
        if not np.isfinite(values[name]).all():
            raise FormatError(
                f"{place}: {stored} holds NaN, or a number that is infinite in float32, expected "
                "finite weights"
            )
    parameters, buffers = model.parameters, model.buffers
    for name, value in values.items():
        (parameters if name in parameters else buffers)[name] = value
    return report


_Owners = dict[str, tuple[LayerArrays, str]]


def _check_names(names: Mapping[str, str] | None) -> None:
    if names is None:
        return
    if not isinstance(names, Mapping) or not all(
        isinstance(each, str) for pair in names.items() for each in pair
    ):
        raise TypeError(
            f"load_into: names is {shown(names)}, expected a mapping of the model's names to the "
            "file's, such as {'conv2d_1': 'conv1'}"
        )


def _check_array_names(arrays: Iterable[str], path: str) -> None:
    """Refuse names that would spoil an error or a report.

    Raises:
        FormatError: if a name is very long or has control characters.
    """
    for name in arrays:
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise FormatError(
                f"{path}: has an array named {shown(name)}, expected at most {_LONGEST_NAME} "
                "printable characters"
            )


def _report(
    match: Match, owners: _Owners, arrays: Mapping[str, StoredArray], path: str, *, strict: bool
) -> LoadReport:
    """The pairs whose shapes fit, and the rest.

    Raises:
        ValueError: if `strict` and a pair does not fit.
    """
    pairs: dict[str, str] = {}
    shapes: dict[str, tuple[Shape, Shape]] = {}
    for name, (layer, array) in owners.items():
        stored = match.pairs.get(name)
        if stored is None:
            continue
        if layer.accepts(array, arrays[stored].shape):
            pairs[name] = stored
            shapes[name] = layer.shapes[array], arrays[stored].shape
        elif strict:
            raise ValueError(
                f"load_into: {stored} in {path} has shape {arrays[stored].shape}, expected "
                f"{layer.pytorch_shape(array)} for {name}; strict=False loads the arrays that fit"
            )
    used = set(pairs.values())
    missing = [name for name in owners if name not in pairs]
    unused = [name for name in arrays if name not in used and not is_counter(name)]
    return LoadReport(match.rule, pairs, missing, unused, shapes)


def _check_complete(
    report: LoadReport, owners: _Owners, arrays: Mapping[str, StoredArray], path: str
) -> None:
    """Refuse arrays of either side without a counterpart.

    Raises:
        ValueError: if there are some.
    """
    if not report.missing and not report.unused:
        return
    shapes = {name: layer.pytorch_shape(array) for name, (layer, array) in owners.items()}
    shapes.update({name: arrays[name].shape for name in report.unused})
    parts = [
        f"{lacks} {listed([f'{name} {shapes[name]}' for name in names], 4)}"
        for lacks, names in (
            (f"{path} lacks", report.missing),
            ("the model lacks", report.unused),
        )
        if names
    ]
    names = "names={'conv2d_1': 'name in the file', ...}"
    if report.pairs:
        remedy = f"give {names}, or load what fits with strict=False"
    else:
        remedy = f"none fits: build the network of the file, or give {names}"
    raise ValueError(
        f"load_into: by {report.rule}, {' and '.join(parts)}, expected a counterpart of each; "
        f"{remedy}"
    )
