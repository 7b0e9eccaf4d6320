"""Communicator: the processes that train one model together, and what they agree on."""

from __future__ import annotations

import functools
import hashlib
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import check_function, shown
from cnnx.distributed.watch import Waiting

Result = TypeVar("Result")

_LONGEST_SLEEP = 0.01  # seconds


class Communicator:
    """The processes that train one model together, made by `world`.

    Every process makes the same calls in the same order: most of them wait for the others.

    Attributes:
        process: number of this process, from 0.
        processes: number of processes.
        waiting: context in which this process waits for others, given what it does.

    Args:
        mpi: communicator of mpi4py.
        waiting: as the attribute.

    Raises:
        TypeError: if mpi is not a communicator of mpi4py, or waiting is not a function.
    """

    def __init__(self, mpi: Any, waiting: Waiting = nullcontext) -> None:
        if not type(mpi).__module__.startswith("mpi4py"):
            raise TypeError(
                f"Communicator: mpi is {shown(mpi)}, expected a communicator of mpi4py; "
                "cnnx.distributed.world() makes the one of all processes"
            )
        check_function(waiting, "Communicator", "waiting", "a function that returns a context")
        self._mpi = mpi
        self.waiting = waiting
        self.process: int = mpi.Get_rank()
        self.processes: int = mpi.Get_size()

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

    def part_of(self, count: int) -> range:
        """Positions, of `count` things, of the part that is this process's."""
        bounds = [count * each // self.processes for each in (self.process, self.process + 1)]
        return range(*bounds)

    def wait(self, what: str = "for the others") -> None:
        """Wait for the other processes, and leave the cores to them meanwhile."""
        reached = self._mpi.Ibarrier()
        pause = _LONGEST_SLEEP / 256
        with self.waiting(f"waits {what}"):
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
        self.check_same_each({what: value})

    def check_same_each(self, values: Mapping[str, object]) -> None:
        """Refuse values that differ between the processes, as `check_same`, each with its name."""
        own = {what: str(value) for what, value in values.items()}
        with self.waiting(f"compares: {next(iter(own))}"):
            found = self._mpi.allgather((own, platform.node()))
        expected, _ = found[0]
        for process, (texts, machine) in enumerate(found):
            if list(texts) != list(expected):
                raise ValueError(
                    f"{next(iter(expected))} is compared by process 0 when process {process} on "
                    f"{machine} compares {next(iter(texts))}, expected the same calls in the same "
                    "order in all processes"
                )
            for what, text in texts.items():
                if text != expected[what]:
                    raise ValueError(
                        f"{what} is {text} in process {process} on {machine}, expected "
                        f"{expected[what]} as in process 0"
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
        self.wait("for process 0")
        with self.waiting("receives from process 0"):
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
        with self.waiting("exchanges results"):
            return [_result(each) for each in self._mpi.allgather(outcome)]

    @contextmanager
    def file_of_first(self, path: str) -> Iterator[str]:
        """In the block, a path under which this process can read the file of process 0.

        Raises:
            OSError: in every process, if process 0 cannot read it.
        """
        content = self.in_first(Path(path).read_bytes)
        if self.is_first:
            yield path
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(content)
            copy.seek(0)
            yield f"/dev/fd/{copy.fileno()}"

    def first_bytes_of(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array of process 0, in all processes."""
        received = np.ascontiguousarray(array).copy()
        with self.waiting("receives an array from process 0"):
            self._mpi.Bcast(received, root=0)
        return received

    def any_of(self, flag: bool) -> bool:
        """Whether the flag is set in some process."""
        with self.waiting("agrees with others on an interrupt or a stop"):
            return bool(self._mpi.allreduce(int(flag)))

    @functools.cached_property
    def channels(self) -> tuple[Any, Any]:
        """The two communicators of mpi4py that all trainers share; MPI has a limited number."""
        return self._mpi.Dup(), self._mpi.Dup()


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
