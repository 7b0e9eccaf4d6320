"""The attacks by name: functions that draw a case."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeAlias

from attack.calls import calls
from attack.case import Case, Draw
from attack.files import files
from attack.graphs import bfloat16, graphs
from attack.kills import kills
from attack.linear_ops import conv, dense, pools, resampling
from attack.nonlinear_ops import activations, losses, norms
from attack.onnx_files import onnx_files
from attack.optimizers import optimizers
from attack.processes import processes
from attack.quantized import quantized
from attack.races import threads
from attack.set_ups import bits
from attack.tiles import tiles
from attack.torch_modules import torch_modules

Attack: TypeAlias = "Callable[[Draw], Case]"

OPS: tuple[Attack, ...] = (conv, pools, resampling, dense, activations, norms, losses)
OTHERS: tuple[Attack, ...] = (
    graphs,
    bfloat16,
    optimizers,
    bits,
    quantized,
    tiles,
    processes,
    kills,
    files,
    calls,
    threads,
    onnx_files,
    torch_modules,
)
ATTACKS: dict[str, Attack] = {attack.__name__: attack for attack in (*OPS, *OTHERS)}
# Packages that an attack needs in addition to the tests' own.
PACKAGES = {
    "onnx_files": ("onnx", "onnxruntime"),
    "processes": ("mpi4py",),
    "torch_modules": ("onnx", "onnxruntime", "onnxscript", "torch"),
}


def missing_packages(attack: str) -> list[str]:
    """Packages that an attack needs and that are not installed."""
    return [name for name in PACKAGES.get(attack, ()) if find_spec(name) is None]
