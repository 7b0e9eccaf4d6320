"""Blocks of layers: a body with a shortcut, and parallel branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from cnnx.arguments import shown
from cnnx.layers.base import Layer

__all__ = ["Parallel", "Residual"]

Layers: TypeAlias = "Layer | Sequence[Layer]"

_MOST_NESTED = 40  # blocks within blocks; Python and the core walk them recursively


class Residual(Layer):
    """Residual block: ``body(x) + shortcut(x)``.

    A ReLU after the sum is a separate layer after this one.

    Args:
        body: a layer, or a sequence of layers.
        shortcut: the same; None is the identity, for which the body's output has the shape of x.
        name: prefix of the names of the layers inside; "residual_1" and so on when None.

    References:
        K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2016.

    Example:
        >>> from cnnx import BatchNorm2d, Conv2d, ReLU
        >>> block = Residual([Conv2d(16, 3, padding=1, bias=False), BatchNorm2d(), ReLU()])
        >>> [layer.kind for layer in block.body]
        ['conv2d', 'batch_norm2d', 'relu']
    """

    kind = "residual"
    body: list[Layer]
    shortcut: list[Layer]

    def __init__(
        self, body: Layers, *, shortcut: Layers | None = None, name: str | None = None
    ) -> None:
        self.body = _layers(body, "Residual", "body")
        if not self.body:
            raise ValueError("Residual: body is empty, expected at least one layer")
        self.shortcut = [] if shortcut is None else _layers(shortcut, "Residual", "shortcut")
        self._depth = _depth("Residual", self.branches_within())
        self._describe({}, name)

    def branches_within(self) -> list[list[Layer]]:
        """The body and the shortcut."""
        return [self.body, self.shortcut]

    def __repr__(self) -> str:
        shortcut = f", shortcut={self.shortcut!r}" if self.shortcut else ""
        return f"Residual({self.body!r}{shortcut}{self._shown_name()})"


class Parallel(Layer):
    """Parallel branches of the same input, concatenated or added.

    Args:
        branches: two or more branches, each a layer or a sequence of layers; an empty list is the
            identity.
        merge: "concat" along the channels, or "add".
        name: prefix of the names of the layers inside; "parallel_1" and so on when None.

    References:
        C. Szegedy and others: Going Deeper with Convolutions, 2015.

    Example:
        >>> from cnnx import Conv2d
        >>> Parallel([Conv2d(8, 1), Conv2d(8, 3, padding="same")], merge="concat").merge
        'concat'
    """

    kind = "parallel"
    branches: list[list[Layer]]
    merge: str

    def __init__(
        self, branches: Sequence[Layers], *, merge: str = "concat", name: str | None = None
    ) -> None:
        if isinstance(branches, (Layer, str)) or not isinstance(branches, Sequence):
            raise TypeError(f"Parallel: branches is {shown(branches)}, expected a list of branches")
        self.branches = [_layers(branch, "Parallel", "branches") for branch in branches]
        if len(self.branches) < 2:
            raise ValueError(
                f"Parallel: branches has {len(self.branches)} of them, expected at least 2"
            )
        if merge not in ("concat", "add"):
            raise ValueError(f"Parallel: merge is {shown(merge)}, expected 'concat' or 'add'")
        self.merge = merge
        self._depth = _depth("Parallel", self.branches)
        self._describe({"merge": merge}, name)

    def branches_within(self) -> list[list[Layer]]:
        """The branches."""
        return self.branches

    def __repr__(self) -> str:
        return f"Parallel({self.branches!r}, merge={self.merge!r}{self._shown_name()})"


def _depth(block: str, branches: list[list[Layer]]) -> int:
    """Number of blocks within each other, down to the innermost layer of the branches."""
    within = (layer._depth for branch in branches for layer in branch)
    depth = 1 + max(within, default=0)
    if depth > _MOST_NESTED:
        raise ValueError(
            f"{block}: holds blocks nested {depth} deep, expected at most {_MOST_NESTED}"
        )
    return depth


def _layers(given: Layers, block: str, argument: str) -> list[Layer]:
    layers = [given] if isinstance(given, Layer) else given
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(f"{block}: {argument} is {shown(given)}, expected layers")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"{block}: {argument} holds {shown(layer)}, expected layers")
    return list(layers)
