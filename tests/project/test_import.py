"""Importing cnnx: light, complete, without side effects."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from pathlib import Path

import cnnx
import cnnx.ops
import pytest
from python_process import run_python

PACKAGE = Path(cnnx.__file__).parent


def test_import_loads_neither_numpy_nor_the_extension() -> None:
    code = "import sys, json, cnnx; print(json.dumps([m for m in sys.modules]))"
    loaded = json.loads(run_python("-c", code))
    assert [name for name in loaded if name.startswith("cnnx")] == ["cnnx"]
    assert "numpy" not in loaded


@pytest.mark.parametrize(
    "optional", ["PIL", "tqdm", "matplotlib", "mpi4py", "onnx", "sklearn", "torch"]
)
@pytest.mark.beside
def test_everything_but_the_command_line_needs_numpy_alone(optional: str) -> None:
    code = (
        f"import sys; sys.modules[{optional!r}] = None\n"
        "import cnnx\n"
        "for name in cnnx.__all__: getattr(cnnx, name)\n"
        "x, y = cnnx.data.xo(8)\n"
        "cnnx.Trainer(cnnx.models.small()).step(x, y)\n"
    )
    run_python("-c", code)


def test_the_readers_of_other_formats_load_no_optional_package() -> None:
    code = (
        "import sys, cnnx\n"
        "cnnx.onnx.load, cnnx.onnx.save, cnnx.weights.load_into, cnnx.models.small\n"
        "print({name.split('.')[0] for name in sys.modules}\n"
        "      & {'onnx', 'google', 'sklearn', 'scipy', 'PIL', 'torch', 'safetensors'})"
    )
    assert run_python("-c", code).strip() == "set()"


STATE = "import numpy as np\nfrom process_state import process_state, thread_count\n"
CHANGED = "[name for name in before if process_state()[name] != before[name]]"


def test_using_it_changes_nothing_in_the_process() -> None:
    code = f"""{STATE}
before = process_state()
import cnnx
for name in cnnx.__all__:
    getattr(cnnx, name)
x, y = cnnx.data.xo(64)
cnnx.set_num_threads(2)
cnnx.Trainer(cnnx.models.small()).fit(x, y, epochs=1)
assert {CHANGED} == [], {CHANGED}
assert np.float32(1e-40) * np.float32(1) != 0, "denormals are flushed"
"""
    run_python("-c", code)


@pytest.mark.skipif(sys.platform != "linux", reason="counts a process's threads in Linux's /proc")
def test_importing_it_starts_no_thread() -> None:
    code = f"""{STATE}
before = thread_count()
import cnnx
for name in cnnx.__all__:
    getattr(cnnx, name)
cnnx.isa(), cnnx.get_num_threads()
assert thread_count() == before, (thread_count(), before)
"""
    run_python("-c", code)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at a process through Linux's /proc")
@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("pass", ()),
        ("import os; os.environ['A'] = 'b'", ("environment", "environment in C")),
        ("import os; os.putenv('A', 'b')", ("environment in C",)),
        ("import os; os.chdir('/')", ("working folder",)),
        ("import os; os.umask(0o123)", ("Umask",)),
        ("import os; kept = os.open('/', os.O_RDONLY)", ("open files",)),
        ("import locale; locale.setlocale(locale.LC_ALL, 'C')", ("locale in C",)),
        ("import warnings; warnings.simplefilter('ignore')", ("warnings",)),
        ("import ctypes; ctypes.CDLL(None).signal(12, 1)", ("SigIgn",)),
        ("import faulthandler; faulthandler.register(10)", ("SigCgt",)),
        ("import random; random.random()", ("random numbers",)),
        ("np.random.rand()", ("NumPy's random numbers",)),
        ("np.seterr(all='ignore')", ("NumPy's errors",)),
        ("import logging; logging.basicConfig()", ("logging",)),
        ("import sys; sys.setrecursionlimit(999)", ("limits",)),
    ],
)
@pytest.mark.beside
def test_such_changes_are_detected(change: str, names: tuple[str, ...]) -> None:
    """By the process that makes the change, and no other."""
    code = f"{STATE}before = process_state()\n{change}\nassert {CHANGED} == {list(names)}"
    run_python("-c", code)


def test_every_public_name_resolves() -> None:
    assert len(set(cnnx.__all__)) == len(cnnx.__all__)
    for name in cnnx.__all__:
        assert getattr(cnnx, name) is not None
        assert name in dir(cnnx)
    with pytest.raises(AttributeError, match="module 'cnnx' has no attribute 'Transformer'"):
        cnnx.Transformer  # noqa: B018


def literal_all(module: str) -> list[str]:
    """A module's `__all__`, one plain list: type checkers do not follow sums of others."""
    source = PACKAGE.parent / f"{module.replace('.', '/')}.py"
    (value,) = [
        node.value
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.Assign, ast.AugAssign)) and "__all__" in ast.unparse(node)
    ]
    names: list[str] = ast.literal_eval(value)
    return names


def test_the_public_names_are_those_of_the_stub() -> None:
    """`dir(cnnx)` is the list that type checkers read, and each name is the object listed."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    seen = {}
    for node in tree.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else []:
            if alias.name == "*":
                names = literal_all(str(node.module))
                seen.update({name: f"{node.module}.{name}" for name in names})
            else:
                seen[str(alias.asname)] = f"{node.module}.{alias.name}"
    assert sorted(seen) == dir(cnnx)
    for name, home in seen.items():
        module, _, attribute = home.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is getattr(cnnx, name)


def test_every_op_is_reachable_with_its_backward() -> None:
    ops = {name for name in dir(cnnx.ops) if not name.startswith("_")}
    forward = {
        *("conv2d", "max_pool2d", "avg_pool2d", "dense", "relu", "leaky_relu", "sigmoid", "tanh"),
        *("gelu", "silu", "hard_swish", "relu6", "conv_transpose2d"),
        *("prelu", "group_norm", "layer_norm"),
        *("adaptive_avg_pool2d", "global_avg_pool2d", "zero_pad2d", "upsample2d"),
        *("softmax", "cross_entropy", "binary_cross_entropy", "mean_squared_error"),
        *("mean_absolute_error", "huber"),
    }
    assert forward | {f"{name}_backward" for name in forward} <= ops
    for name in forward:
        assert callable(getattr(cnnx.ops, name))
        assert callable(getattr(cnnx.ops, f"{name}_backward"))


def test_everything_public_is_documented() -> None:
    undocumented = [
        name for name in cnnx.__all__ if name != "__version__" and not getattr(cnnx, name).__doc__
    ]
    assert undocumented == []
