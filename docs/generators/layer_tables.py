"""Tables of a layer's settings and its counterparts, from the core's description of its kind."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import cnnx
from cnnx.onnx.exporting import graph_of
from cnnx.onnx.forms import form_for

from docs.generators.markup import escaped, table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from layer_kinds import KINDS, model

_MOST = 2.0**24  # the core's limit of sizes
_OPSET = 18  # the default of cnnx.onnx.save


def layer_sections(layer: type[cnnx.Layer], ops: set[str]) -> list[str]:
    """Sections of a layer's page: its settings, its arrays, and the same computation elsewhere.

    Args:
        layer: class of the layer.
        ops: names in `cnnx.ops`.
    """
    kind = KINDS.get(getattr(layer, "kind", ""))
    if kind is None:  # a block, or the base class
        return []
    return [*_settings(kind["settings"]), *_arrays(kind), *_elsewhere(layer, ops)]


def _section(title: str, header: list[str], rows: list[list[str]]) -> list[str]:
    return [f".. rubric:: {title}", "", *table(header, rows)] if rows else []


def _settings(settings: list[dict[str, Any]]) -> list[str]:
    rows = [[f"``{s['name']}``", _values(s), _default(s), escaped(s["words"])] for s in settings]
    return _section("Settings", ["Setting", "Values", "Default", "Meaning"], rows)


def _values(setting: dict[str, Any]) -> str:
    """Values that a setting may have."""
    form, limits = setting["form"], _limits(setting)
    if form == "choice":
        return ", ".join(f'``"{each}"``' for each in setting["choices"])
    if form == "boolean":
        return "``True``, ``False``"
    return {
        "integer": f"an integer {limits}",
        "real": f"a number {limits}",
        "pair": f"an integer or (height, width), {limits}",
        "padding": '``"valid"``, ``"same"``, or numbers of pixels, ' + limits,
        "sides": f"numbers of pixels, {limits}",
    }[form].strip(", ")


def _limits(setting: dict[str, Any]) -> str:
    least, most = setting["least"], setting["most"]
    signs = (">" if setting["least_excluded"] else ">=", "<" if setting["most_excluded"] else "<=")
    parts = [
        f"{sign} {limit:g}"
        for sign, limit in zip(signs, (least, most), strict=True)
        if math.isfinite(limit) and limit != _MOST
    ]
    return " and ".join(parts)


def _default(setting: dict[str, Any]) -> str:
    if setting["default_setting"]:
        return f"that of ``{setting['default_setting']}``"
    if setting["required"]:
        return "required"
    value = setting["default"]
    if isinstance(value, list) and len(set(value)) == 1:
        value = value[0]
    return f"``{value:.6g}``" if isinstance(value, float) else f"``{value!r}``".replace("'", '"')


def _arrays(kind: dict[str, Any]) -> list[str]:
    rows = [
        [f"``{name}``", what, f"if ``{condition}``" if condition else "always"]
        for what in ("parameters", "buffers")
        for name, condition in kind[what]
    ]
    rows = [[name, what.rstrip("s"), present] for name, what, present in rows]
    return _section("Parameters and buffers", ["Array", "Kind", "Present"], rows)


def _elsewhere(layer: type[cnnx.Layer], ops: set[str]) -> list[str]:
    rows, operators = [], onnx_operators(layer.kind)
    if layer.kind in ops:
        functions = [name for name in (layer.kind, f"{layer.kind}_backward") if name in ops]
        links = ", ".join(f":py:func:`cnnx.ops.{name}`" for name in functions)
        rows.append(["As functions on arrays", links])
    rows += [
        ["In C++", f":cpp:class:`cnnx::{layer.__name__}`"],
        ["In the texts of the C interface", f"``{layer.kind}``"],
        ["In ONNX", ", ".join(f"``{each}``" for each in operators) or "left out"],
    ]
    return _section("The same elsewhere", ["Where", "Name"], rows)


def onnx_operators(kind: str) -> list[str]:
    """Operators that `cnnx.onnx.save` writes for a layer, in their order, each once."""
    for changed in (False, True):
        operators = _operators(kind, changed=changed)
        if operators != ["Identity"]:  # a layer that changes nothing
            return operators
    return []


def _operators(kind: str, *, changed: bool) -> list[str]:
    core = model(kind, changed=changed)._core
    nodes = graph_of(core, form_for(core, False, None, False), _OPSET).nodes
    last = core.layers[-1][2]
    own = [node for node in nodes if node.outputs[0].startswith((last, "output"))]
    return list(dict.fromkeys(node.op_type for node in own or nodes))
