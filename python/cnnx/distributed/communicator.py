"""Communicator: the processes that train one model together, and what they agree on."""

from __future__ import annotations

import functools
import hashlib
import platform
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")

_LONGEST_SLEEP = 0.01  # seconds


class Communicator:
    """The processes that train one model together, made by `world`.

    Every process makes the same calls in the same order: most of them wait for the others.

    Attributes:
        process: number of this process, from 0.
        processes: number of processes.
        channels: two communicators of mpi4py for the gradients of all trainers.
    """

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        self.process: int = mpi.Get_rank()
        self.processes: int = mpi.Get_size()
        # For all trainers, because MPI has a limited number of communicators.
        self.channels = (mpi.Dup(), mpi.Dup())

    def __repr__(self) -> str:
        return f"Communicator(process {self.process} of {self.processes})"

    @property
    def is_first(self) -> bool:
        """Whether this is process 0, which alone prints, logs and saves."""
        return self.process == 0

    @functools.cached_property
    def machine(self) -> Communicator:
        """The processes of this machine."""
        from mpi4py import MPI

        return Communicator(self._mpi.Split_type(MPI.COMM_TYPE_SHARED))

    def share_of(self, count: int) -> range:
        """Positions of the part of `count` things that is this process's."""
        bounds = [count * each // self.processes for each in (self.process, self.process + 1)]
        return range(*bounds)

    def wait(self) -> None:
        """Wait for the other processes, and leave the cores to them meanwhile."""
        reached = self._mpi.Ibarrier()
        pause = _LONGEST_SLEEP / 256
        while not reached.Test():
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_SLEEP)

    def check_same(self, what: str, value: object) -> None:
        """Refuse a value that differs between the processes.

        Args:
            what: name of the value, the beginning of an error message.
            value: a value whose text form is compared.

        Raises:
            ValueError: in every process, if one of them has another value than process 0.
        """
        texts = self._mpi.allgather((str(value), platform.node()))
        for process, (text, machine) in enumerate(texts):
            if text != texts[0][0]:
                raise ValueError(
                    f"{what} is {text} in process {process} on {machine}, expected "
                    f"{texts[0][0]} as in process 0"
                )

    def check_same_arrays(self, what: str, arrays: Iterable[NDArray[Any]]) -> None:
        """Refuse arrays whose bytes differ between the processes, by their hash.

        Raises:
            ValueError: in every process, if one of them has other bytes than process 0.
        """
        found = hashlib.sha256()
        for array in arrays:
            found.update(np.ascontiguousarray(array).data)
        self.check_same(what, f"sha256:{found.hexdigest()}")

    def in_first(self, action: Callable[[], Result]) -> Result:
        """Run an action in process 0 and return its result in all processes.

        Raises:
            Exception: in every process, the one that the action raised.
        """
        outcome = _outcome(action) if self.is_first else None
        self.wait()
        result: Result = _result(self._mpi.bcast(outcome, root=0))
        return result

    def in_each(self, action: Callable[[], Result]) -> list[Result]:
        """Run an action in every process and return the results of all, in all processes.

        Raises:
            Exception: in every process, the one that the action raised in the first process that
                has one.
        """
        outcome = _outcome(action)
        self.wait()
        return [_result(each) for each in self._mpi.allgather(outcome)]

    def first_bytes_of(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array of process 0, in all processes."""
        received = np.ascontiguousarray(array).copy()
        self._mpi.Bcast(received, root=0)
        return received

    def any_of(self, flag: bool) -> bool:
        """Whether the flag is set in some process."""
        return bool(self._mpi.allreduce(int(flag)))


def _outcome(action: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """What an action returns, and what it raises."""
    try:
        return action(), None
    except Exception as error:
        return None, error


def _result(outcome: tuple[Any, Exception | None]) -> Any:
    """The result of an action; raises what the action raised."""
    result, raised = outcome
    if raised is not None:
        raise raised
    return result
