"""Commands that mpiexec starts in several processes: which may be, and which process prints."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cnnx.cli.command_lines import program
from cnnx.cli.errors import UnfinishedRunError, UsageError, complain, sentence
from cnnx.launcher import started_process, started_processes

if TYPE_CHECKING:
    from cnnx.distributed.communicator import Communicator

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHARED = ("train", "evaluate", "predict")
_SAVING = 60.0  # seconds in which process 0 may save the model of a run that ends


def check_command(command: str, command_line: str) -> None:
    """Refuse a command that several processes cannot share.

    Args:
        command: name of the command.
        command_line: its words, `cnnx` included.

    Raises:
        UsageError: if mpiexec started several processes of it.
    """
    count = started_processes()
    if count > 1 and command not in _SHARED:
        raise UsageError(
            f"runs in one process, but mpiexec started {count}; without mpiexec type "
            f"{_own_line(command_line)}"
        )


def check_shards(shards: int, origin: str, command_line: str) -> None:
    """Refuse a number of processes that does not divide the shards of a run.

    Args:
        shards: number of shards.
        origin: where it is from, such as `--shards`.
        command_line: words of the command, `cnnx` included.

    Raises:
        UsageError: if so, with the line to type.
    """
    count = started_processes()
    if shards % count == 0:
        return
    line = _own_line(command_line)
    if shards == 1:
        raise UsageError(
            f"{origin} is 1 for {count} processes, expected a multiple of the processes; type "
            f"mpiexec -n {count} {line} --shards {count}"
        )
    fitting = max(each for each in range(1, count) if shards % each == 0)
    raise UsageError(
        f"{origin} is {shards} for {count} processes, expected a multiple of the processes; type "
        f"mpiexec -n {fitting} {line}"
    )


@functools.cache
def communicator() -> Communicator | None:
    """All processes of this command, or None if there is one.

    Raises:
        ImportError: if mpiexec started several and mpi4py is not installed.
    """
    if started_processes() == 1:
        return None
    from cnnx.distributed.world import world

    return world()


def is_first() -> bool:
    """Whether this process prints, logs and saves."""
    return started_processes() == 1 or started_process() == 0


def in_first(action: Callable[[], Result]) -> Result:
    """Run an action in process 0 alone and return its result in all processes.

    Raises:
        Exception: in every process, the one that the action raised.
    """
    processes = communicator()
    return action() if processes is None else processes.in_first(action)


def in_each(action: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> list[Result]:
    """Run an action in every process with its part of the items and return all results, in order.

    Raises:
        Exception: in every process, the one that the action raised in the first process that has
            one.
    """
    processes = communicator()
    if processes is None:
        return [action(items)]
    part = processes.part_of(len(items))
    return processes.in_each(lambda: action(items[part.start : part.stop]))


@contextlib.contextmanager
def only_first_prints() -> Iterator[None]:
    """Context in which the other processes print nothing."""
    if is_first():
        yield
        return
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def complain_once(command: str, message: str, error: BaseException) -> None:
    """Print one line on stderr in process 0, or in this one if others do not end, and end them.

    Args:
        command: begin of the line.
        message: the rest.
        error: reason of the end; in other processes its message may be shorter.
    """
    if started_processes() == 1:
        complain(command, message)
        return
    from cnnx.distributed import ending

    is_interrupt = isinstance(error, KeyboardInterrupt)
    saves = is_interrupt or isinstance(error, UnfinishedRunError)
    ending.end_with_all(
        lambda: complain(command, message),
        "interrupted" if is_interrupt else sentence(error.__cause__ or error),
        *([_SAVING] if saves else []),
    )


def _own_line(command_line: str) -> str:
    """Command line as this program was called."""
    return program() + command_line.removeprefix("cnnx")
