"""The elementwise activations that cnnx.ops has, found by their signatures.

Not part of the package.
"""

from __future__ import annotations

import inspect

from cnnx import ops
from layer_kinds import KINDS


def reads_output(name: str) -> bool:
    """Whether the op's backward takes what the op returned, not its input."""
    return "output" in inspect.signature(getattr(ops, f"{name}_backward")).parameters


def is_activation(kind: str) -> bool:
    """Whether the op of this kind maps every number of one array by itself."""
    forward = getattr(ops, kind, None)
    return forward is not None and forward.__module__ == ops.relu.__module__


ACTIVATIONS = tuple(kind for kind in KINDS if is_activation(kind))
