"""A case of an attack: a random program that fails if cnnx has a defect."""

from __future__ import annotations
import __future__

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

FLAGS = __future__.annotations.compiler_flag
HEADER = "from __future__ import annotations\n\nimport sys\n\nimport cnnx\nimport numpy as np"


class Case(NamedTuple):
    """The source of a program in three sections, which run one after another.

    Attributes:
        setup: defines `arrays`, a dictionary of NumPy arrays, if there are expected values.
        expected: computes `expected` and `bounds` from `arrays` alone. Another process may run it.
        check: raises an exception if the case fails.
    """

    setup: str
    expected: str = ""
    check: str = ""

    def program(self) -> str:
        """The source of the whole program."""
        return "\n\n".join(section.strip() for section in self if section) + "\n"


class Draw(NamedTuple):
    """The random choices of one case.

    Attributes:
        rng: generator of the choices.
        seed: of the numbers that the program draws itself.
        in_torch: whether a peer computes the expected values with PyTorch.
    """

    rng: np.random.Generator
    seed: int
    in_torch: bool

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def pair(self, low: int, high: int) -> tuple[int, int]:
        """Two such integers, equal in half of the cases."""
        first = self.integer(low, high)
        return (first, first) if self.chance(0.5) else (first, self.integer(low, high))

    def chance(self, probability: float) -> bool:
        """Whether an event of this probability happens."""
        return bool(self.rng.random() < probability)

    def one_of(self, *values: Any) -> Any:
        """One of the values."""
        return values[int(self.rng.integers(len(values)))]

    def exponent(self, low: float, high: float) -> float:
        """A number from 10**low to 10**high with three digits."""
        return float(f"{10 ** self.rng.uniform(low, high):.3g}")


class Peer(Protocol):
    """A process that runs the section `expected`."""

    def run(self, source: str, arrays: dict[str, Any]) -> dict[str, Any]:
        """The variables `expected` and `bounds`."""


def paste(*parts: Callable[..., Any] | str) -> str:
    """Source of functions and other text, as one section of a program."""
    texts = [part if isinstance(part, str) else inspect.getsource(part) for part in parts]
    return "\n\n".join(text.strip() for text in texts)


def lines(parts: Iterable[str], indent: str = "") -> str:
    """Text of one line per part."""
    return "\n".join(indent + part for part in parts)


def run(case: Case, path: Path, peer: Peer | None) -> None:
    """Run the program, whose source is in the file `path`; a failing case raises an exception."""
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    for section in ("setup", "expected", "check"):
        source = getattr(case, section)
        if section == "expected" and source and peer is not None:
            namespace.update(peer.run(source, namespace["arrays"]))
        else:
            exec(compile(source, f"{path}:{section}", "exec", FLAGS), namespace)
