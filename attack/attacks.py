"""The attacks by name: functions that draw a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attack.calls import calls
from attack.case import Case, Draw
from attack.files import files
from attack.graphs import graphs
from attack.kills import kills
from attack.linear_ops import conv, dense, pools, resampling
from attack.nonlinear_ops import activations, losses, norms
from attack.optimizers import optimizers
from attack.races import threads
from attack.set_ups import bits

Attack: TypeAlias = "Callable[[Draw], Case]"

OPS: tuple[Attack, ...] = (conv, pools, resampling, dense, activations, norms, losses)
OTHERS: tuple[Attack, ...] = (graphs, optimizers, bits, kills, files, calls, threads)
ATTACKS: dict[str, Attack] = {attack.__name__: attack for attack in (*OPS, *OTHERS)}
