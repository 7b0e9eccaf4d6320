"""The description of every kind of layer against everything else that lists kinds or settings.

`test_c_api_building.py` compares the texts of the C interface, `test_cpp_training.py` the C++
builders and `test_fuzz.py` the fuzzers' seeds; they loop over the same descriptions.
"""

from __future__ import annotations

import inspect
import itertools
import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cnnx
import op_digests
import pytest
import random_graphs
import reference
from cnnx import _core
from layer_kinds import CLASSES, IMAGE, KINDS, arguments, inputs_of, layer, model

ROOT = Path(__file__).parents[2]

WITHOUT_FUNCTIONS = (
    *("flatten", "reshape", "input_part", "dropout"),
    *("add", "multiply", "maximum", "matmul", "concat"),
)

every_kind = pytest.mark.parametrize("kind", KINDS)
every_setting = pytest.mark.parametrize(
    ("kind", "setting"),
    [
        pytest.param(kind["name"], setting, id=f"{kind['name']}-{setting['name']}")
        for kind in KINDS.values()
        for setting in kind["settings"]
    ],
)


@every_kind
def test_a_description_has_words(kind: str) -> None:
    described = KINDS[kind]
    for words in (described["words"], *(setting["words"] for setting in described["settings"])):
        assert re.fullmatch(r"[ -~]+[^. ]", words)


def test_each_kind_is_described_once() -> None:
    assert len(KINDS) == len(_core.layer_kinds()) > 20


# Python.


@every_kind
def test_the_class_has_the_settings_and_defaults(kind: str) -> None:
    parameters = dict(inspect.signature(CLASSES[kind]).parameters)
    assert parameters.pop("name").default is None
    settings = {setting["name"]: setting for setting in KINDS[kind]["settings"]}
    assert set(parameters) == set(settings)
    values = layer(kind).settings
    assert set(values) == set(settings)
    for name, setting in settings.items():
        default = parameters[name].default
        assert (default is inspect.Parameter.empty) == setting["required"], name
        optional_size = name == "size" and not setting["required"]
        not_given = setting["default_setting"] is not None or optional_size
        assert (default is None) == not_given, name
        if setting["default_setting"]:
            assert values[name] == values[setting["default_setting"]]
        elif not setting["required"]:
            assert values[name] == setting["default"], name


def test_every_class_is_of_a_kind() -> None:
    assert set(CLASSES) == {*KINDS, "residual", "parallel"}
    assert all(each.__name__ in cnnx.__all__ for each in CLASSES.values())


@every_kind
def test_it_has_functions_and_a_reference(kind: str) -> None:
    """Except layers that are an op of a model alone: views, merges, random numbers, inputs."""
    for library in (cnnx.ops, reference) if kind not in WITHOUT_FUNCTIONS else ():
        assert callable(getattr(library, kind))
        assert callable(getattr(library, f"{kind}_backward"))


# What the core refuses.


def refused(kind: str, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{kind}: {sentence}")):
        _core.check_layer(kind, values)


@every_kind
def test_a_setting_that_it_has_not_is_refused(kind: str) -> None:
    refused(kind, {**layer(kind).settings, "power": 3}, "has no setting named power")


@every_setting
def test_a_missing_setting_is_refused(kind: str, setting: dict[str, Any]) -> None:
    values = dict(layer(kind).settings)
    del values[setting["name"]]
    if setting["saved"] and not setting["omitted_if_default"]:
        refused(kind, values, f"{setting['name']} is missing")
    else:
        _core.check_layer(kind, values)


def numbers(setting: dict[str, Any]) -> Iterator[tuple[float, bool]]:
    """Numbers at the limits, and whether they are within them."""
    step: Any = 1 if setting["form"] != "real" else 0.0625
    for limit, excluded, outwards in (
        (setting["least"], setting["least_excluded"], -step),
        (setting["most"], setting["most_excluded"], step),
    ):
        if math.isfinite(limit):
            limit = limit if setting["form"] == "real" else int(limit)
            yield limit, not excluded
            yield limit + outwards, False
            yield limit - outwards, True


EXPECTED = {
    "integer": "an integer from {least} to {most}",
    "boolean": "true or false",
    "pair": "two integers >= {least} (height, width)",
    "padding": 'four integers >= 0 (top, bottom, left, right), "valid" or "same"',
    "sides": "four integers >= 0 (top, bottom, left, right)",
}
REALS = {
    (-math.inf, math.inf): "a finite number",
    (0, math.inf): "a finite number > 0",
    (0, 1): "a number from 0 to 1",
}


def expected(setting: dict[str, Any]) -> str:
    least, most = setting["least"], setting["most"]
    if setting["form"] == "choice":
        return " or ".join(f'"{choice}"' for choice in setting["choices"])
    if setting["form"] == "real":
        text = REALS[least, most]
        text = text if setting["least_excluded"] else text.replace("> 0", ">= 0")
        return text.replace("to 1", "to below 1") if setting["most_excluded"] else text
    return EXPECTED[setting["form"]].format(least=f"{least:.0f}", most=f"{most:.0f}")


@every_setting
def test_a_value_beyond_the_limits_is_refused(kind: str, setting: dict[str, Any]) -> None:
    count = {"pair": 2, "padding": 4, "sides": 4}.get(setting["form"])
    for number, allowed in numbers(setting):
        value = number if count is None else [number] * count
        values = {**layer(kind).settings, setting["name"]: value}
        if allowed and kind != "conv_transpose2d":  # whose settings depend on each other
            _core.check_layer(kind, values)
        elif not allowed:
            refused(kind, values, f"{setting['name']} is ")
            with pytest.raises(ValueError, match=re.escape(f", expected {expected(setting)}")):
                _core.check_layer(kind, values)


@every_setting
def test_a_value_of_another_form_is_refused(kind: str, setting: dict[str, Any]) -> None:
    wrong: Any = "neither" if setting["form"] != "padding" else [1, 2, 3]
    sentence = "a finite number" if setting["form"] == "real" else expected(setting)
    values = {**layer(kind).settings, setting["name"]: wrong}
    with pytest.raises(ValueError, match=re.escape(f", expected {sentence}")):
        _core.check_layer(kind, values)


# A graph, and its file.


@every_kind
def test_the_number_of_inputs(kind: str) -> None:
    least, most = KINDS[kind]["inputs"]
    image = cnnx.Input(IMAGE)
    text = "one" if most == 1 else f"{least}" if least == most else f"{least} to {most}"
    made = layer(kind)
    for count in {least - 1, most + 1} - {0}:
        with pytest.raises(ValueError, match=rf"{kind}: has {count} inputs?, expected {text}$"):
            cnnx.Model.from_graph(image, made(*[image] * count))
    many = made(*inputs_of(made, image, most)) if most > 1 else None
    network = cnnx.Model.from_graph(image, many) if many is not None else model(kind)
    assert network.layers[-1].kind == kind


@every_kind
def test_parameters_and_buffers(kind: str) -> None:
    described = KINDS[kind]
    arrays_of_it = (*described["parameters"], *described["buffers"])
    flags = sorted({only_if for _, only_if in arrays_of_it if only_if})
    for values in itertools.product((False, True), repeat=len(flags)):
        chosen = dict(zip(flags, values, strict=True))
        made: Any = CLASSES[kind](**{**arguments(kind), **chosen})
        image = cnnx.Input(IMAGE)
        read = cnnx.Flatten()(image) if kind == "dense" else image
        inputs = inputs_of(made, read, described["inputs"][0])
        network = cnnx.Model.from_graph(image, made(*inputs))
        for arrays, there in (
            (described["parameters"], network.parameters),
            (described["buffers"], network.buffers),
        ):
            names = [name for name, only_if in arrays if only_if is None or chosen[only_if]]
            assert list(there) == [f"{kind}_1.{name}" for name in names]


@pytest.mark.parametrize("changed", [False, True])
@every_kind
def test_a_file_holds_the_settings(kind: str, changed: bool, tmp_path: Path) -> None:
    network = model(kind, changed=changed)
    network.save(tmp_path / "model.cnnx")
    content = (tmp_path / "model.cnnx").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    node = json.loads(header["__metadata__"]["cnnx.graph"])["nodes"][-1]
    saved = [
        setting
        for setting in KINDS[kind]["settings"]
        if setting["saved"] and (changed or not setting["omitted_if_default"])
    ]
    reals = {setting["name"] for setting in saved if setting["form"] == "real"}
    others = {setting["name"] for setting in saved} - reals
    assert set(node) == {"name", "kind", "inputs", *others}
    assert all(header[f"{kind}_1.{name}"]["shape"] == [] for name in reals)
    cnnx.load(tmp_path / "model.cnnx").save(tmp_path / "again.cnnx")
    assert (tmp_path / "again.cnnx").read_bytes() == content


# Documents and tests.


def as_documented(setting: dict[str, Any]) -> str:
    """A setting as the table of docs/file-format.md writes it."""
    text, may_be_absent = f"`{setting['name']}` ", setting["omitted_if_default"]
    if setting["form"] == "choice":
        text += " or ".join(f'`"{choice}"`' for choice in setting["choices"])
        return text + (f', absent for `"{setting["default"]}"`' if may_be_absent else "")
    text += {"sides": "list of four"}.get(setting["form"], setting["form"])
    if setting["form"] == "real":
        default = Fraction(setting["default"] or 0).limit_denominator(1000)
        return (
            text + limits_of_a_real(setting) + (f", absent for {default}" if may_be_absent else "")
        )
    if setting["form"] in ("integer", "pair") and setting["least"] == 0:
        text += " from 0"
    if may_be_absent:
        text += f", absent for {str(setting['default']).lower()}"
    return text


def limits_of_a_real(setting: dict[str, Any]) -> str:
    if math.isinf(setting["least"]):
        return ""
    if math.isinf(setting["most"]):
        return f" {'>' if setting['least_excluded'] else '>='} {setting['least']:.0f}"
    last = ")" if setting["most_excluded"] else "]"
    return f" in [{setting['least']:.0f}, {setting['most']:.0f}{last}"


def documented() -> dict[str, list[str]]:
    """The cells of each kind's row in docs/file-format.md."""
    text = (ROOT / "docs" / "file-format.md").read_text(encoding="utf-8")
    table = text.split("| kind | settings | parameters (float32) | output |\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[1:]]
    return {kind: cells for kind_cell, *cells in rows for kind in re.findall(r"`(\w+)`", kind_cell)}


@every_kind
def test_the_file_format_has_its_row(kind: str) -> None:
    settings, arrays, output = documented()[kind]
    described = KINDS[kind]
    saved = [as_documented(setting) for setting in described["settings"] if setting["saved"]]
    assert settings == "; ".join(saved)
    parameters = [name for name, _ in (*described["parameters"], *described["buffers"])]
    assert re.findall(r"`(\w+)`", arrays) == parameters
    arrays_of_it = (*described["parameters"], *described["buffers"])
    conditions = {only_if for _, only_if in arrays_of_it if only_if}
    assert set(re.findall(r"if (\w+)", arrays)) == conditions
    least, most = described["inputs"]
    if most > 1:
        assert output.startswith(f"{least if least == most else f'{least} to {most}'} inputs")


def test_the_file_format_has_no_other_rows() -> None:
    assert set(documented()) == set(KINDS)


@every_kind
def test_random_graphs_draw_it(kind: str) -> None:
    """Except the layer whose output is no continuous function of its input, and those that read
    several inputs, of which tests/model/test_inputs.py draws graphs.
    """
    assert kind in ("quantize", "input_part") or kind in random_graphs.drawn_kinds()


@every_kind
def test_it_has_digests(kind: str) -> None:
    assert f"{kind} layer" in dict(op_digests.layer_calls())
