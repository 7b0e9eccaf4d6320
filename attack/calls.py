"""Cases that call a public function with wrong arguments.

The call returns, or raises an error whose one sentence names the function or the argument.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import cnnx
import layer_kinds

from attack import call_snippets, file_snippets, snippets
from attack.case import HEADER, Case, Draw, paste
from attack.file_snippets import MOST_MEMORY

ODD = (
    *("None", "True", "-1", "0", "3", "1.5", "2**70", "-(2**70)", "float('nan')", "float('inf')"),
    *("1e308", "1e-320", "'x'", "''", "'\\ud800'", "b''", "[]", "()", "{}", "set()", "range(3)"),
    *("[[1], [1, 2]]", "[None]", "['x']", "(1, 2, 3)", "[3, 3]", "[[1, 1], [1, 1]]", "iter([1])"),
    *("object()", "lambda *given: 1", "int", "cnnx", "np.float32(2)", "np.int8(3)", "1j"),
    *("np.array(3)", "np.ones(0)", "np.ones((0, 8, 8, 3))", "np.ones((2, 8, 8, 3), complex)"),
    *(
        "np.ones((2, 8, 8, 3), bool)",
        "np.array(['a'])",
        "np.array([object()])",
        "np.ones((1,) * 9)",
    ),
    *("np.datetime64('2020')", "np.full((2, 8, 8, 3), np.nan)", "np.ones((8, 8, 3), np.uint8)"),
    *("np.ma.masked", "memoryview(b'ab')", "2**40", "model", "cnnx.ReLU()", "cnnx.SGD(0.1)"),
)
# A count so large that the call would not end.
ENDLESS = ("2**40",)
COUNTS = {"epochs", "steps", "steps_per_epoch", "iterations", "every", "count"}
IMAGES = "np.ones((4, 8, 8, 3), np.float32)"
ROWS = "np.ones((4, 5), np.float32)"
# Arguments that fit at least one function with a parameter of this name.
FITTING: dict[str, tuple[str, ...]] = {
    "x": (IMAGES, IMAGES, ROWS, "np.ones((4, 8, 8, 3), np.uint8)"),
    "y": ("np.arange(4) % 3",),
    "labels": ("np.arange(4) % 3",),
    "grad_output": (IMAGES, ROWS),
    "output": (IMAGES, ROWS),
    "outputs": (ROWS,),
    "logits": (ROWS,),
    "prediction": (ROWS,),
    "target": (ROWS,),
    "targets": (ROWS,),
    "weight": ("np.ones((3, 3, 3, 4))", "np.ones(3)", "np.ones((5, 7))"),
    "bias": ("np.ones(4)", "np.ones(3)", "np.ones(7)"),
    "mean": ("np.zeros(3)", "0.5"),
    "variance": ("np.ones(3)",),
    "kernel_size": ("3", "(2, 3)"),
    "scale_factor": ("2",),
    "output_size": ("2",),
    "cropping": ("1", "(0, 1)", "((1, 0), (0, 1))"),
    "padding": ("1", "'same'", "((1, 0), (0, 1))"),
    "groups": ("1", "3"),
    "out_channels": ("4",),
    "out_features": ("4",),
    "input_shape": ("(8, 8, 3)",),
    "classes": ("3", "['a', 'b', 'c']", "None"),
    "layers": ("[cnnx.Flatten(), cnnx.Dense(3)]",),
    "model": ("model",),
    "trainer": ("trainer",),
    "path": ("'missing'", "'file.cnnx'"),
    "folder": ("'missing'",),
    "learning_rate": ("0.1",),
    "epochs": ("1",),
    "every": ("1",),
    "count": ("4",),
    "pattern": ("'*.weight'",),
    "name": ("'name'",),
    "inputs": ("cnnx.Input((8, 8, 3))",),
    "measure": ("0.5",),
    "steps_per_epoch": ("2",),
    "schedule": ("cnnx.CosineDecay()",),
}
# Objects whose methods are called, and their source in every program.
OBJECTS = """
model = cnnx.Model([cnnx.Conv2d(4, 3), cnnx.Flatten(), cnnx.Dense(3)], input_shape=(8, 8, 3))
trainer = cnnx.Trainer(model)
layer = cnnx.Conv2d(4, 3)
augmentation = cnnx.data.Augmentation(flip="random")
array_set = cnnx.data.ArraySet("a", np.ones((4, 8, 8, 3), np.uint8), np.arange(4) % 3)
"""
INSTANCES = {
    "model": cnnx.Model,
    "trainer": cnnx.Trainer,
    "layer": cnnx.Conv2d,
    "augmentation": cnnx.data.Augmentation,
    "array_set": cnnx.data.ArraySet,
}
# Classes that cnnx makes itself, for users who annotate types.
NOT_CONSTRUCTED = ("cnnx.Parameters", "cnnx.data.ArraySet", "cnnx.weights.LoadReport")
ASSIGNED = (
    "trainer.learning_rate",
    "layer.trainable",
    "model.layers[0].trainable",
    "model.parameters['conv2d_1.weight']",
)


class Callee(NamedTuple):
    """A public function.

    Attributes:
        expression: of the function.
        parameters: their names.
        required: names of those without a default.
    """

    expression: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]


def callee(expression: str, function: Callable[..., Any], *, is_method: bool = False) -> Callee:
    """The function of an expression."""
    try:
        found = list(inspect.signature(function).parameters.values())[is_method:]
    except ValueError:  # a function of the core, whose documentation begins with its signature
        names = re.findall(r"(\w+):", (function.__doc__ or "").split(")")[0])
        return Callee(expression, tuple(names), tuple(names))
    named = [each for each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    required = tuple(each.name for each in named if each.default is each.empty)
    return Callee(expression, tuple(each.name for each in named), required)


def public(module: ModuleType, prefix: str) -> Iterator[tuple[str, Any]]:
    """Expressions and values of the public names of a module and of its public modules."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    for name in sorted(names):
        try:
            value = getattr(module, name)
        except ImportError:  # it needs the package of an extra
            continue
        if not isinstance(value, ModuleType):
            yield f"{prefix}.{name}", value
        elif module is cnnx:
            yield from public(value, f"{prefix}.{name}")


@functools.cache
def callees() -> list[Callee]:
    """All public functions, classes and methods of the objects."""
    found = [
        callee(expression, value)
        for expression, value in public(cnnx, "cnnx")
        if callable(value)
        and getattr(value, "__module__", "").startswith("cnnx")
        and not getattr(value, "_is_protocol", False)
        and expression not in NOT_CONSTRUCTED
    ]
    for name, kind in INSTANCES.items():
        for method, value in inspect.getmembers(kind, callable):
            if not method.startswith("_") or method == "__call__":
                is_method = inspect.isfunction(value)
                found.append(callee(f"{name}.{method}", value, is_method=is_method))
    return found


def argument(draw: Draw, name: str, *, odd: bool) -> str:
    """Source of an argument, odd or fitting."""
    values = ODD if odd or name not in FITTING else FITTING[name]
    chosen = str(draw.one_of(*values))
    return argument(draw, name, odd=odd) if name in COUNTS and chosen in ENDLESS else chosen


def drawn_call(draw: Draw) -> tuple[str, list[str]]:
    """Source of a call or an assignment, and the names of which an error mentions one."""
    if draw.chance(0.03):
        assigned = draw.one_of(*ASSIGNED)
        return f"{assigned} = {draw.one_of(*ODD)}", assigned.replace("'", ".").split(".")
    called: Callee = draw.one_of(*callees())
    names = called.expression.split(".")[1:]
    chosen = [n for n in called.parameters if n in called.required or draw.chance(0.4)]
    odd = set(draw.rng.permutation(chosen)[: draw.integer(1, 2)])
    given = [f"{name}={argument(draw, name, odd=name in odd)}" for name in chosen]
    if called.expression == "layer.__call__":
        given = [str(draw.one_of(*ODD)) for _ in range(draw.integer(0, 2))]
        names += ["Conv2d"]
    if called.expression.startswith(("model.", "trainer.")):
        names += ["Model", "Trainer", "model", "path"]
    if called.expression.startswith("cnnx.models."):
        names += ["layer", *layer_kinds.KINDS]
    names += [name.removesuffix("_backward") for name in names]
    return f"{called.expression}({', '.join(given)})", [*names, *called.parameters]


def calls(draw: Draw) -> Case:
    """A call of a public function with one or two odd arguments."""
    source, names = drawn_call(draw)
    setup = paste(
        '"""A call with wrong arguments: it returns, or an error names the argument."""',
        f"{HEADER}\nimport re\nimport resource\nimport warnings\nfrom pathlib import Path",
        file_snippets.limit_memory,
        snippets.one_sentence,
        call_snippets.names_its_subject,
        OBJECTS,
        f"warnings.simplefilter('ignore')\nlimit_memory({MOST_MEMORY})",
    )
    check = (
        f"try:\n    {source}\n"
        "except BaseException as error:\n"
        f"    names_its_subject(error, {sorted(set(names))})\n"
        "    one_sentence(error)"
    )
    return Case(setup, "", check)
