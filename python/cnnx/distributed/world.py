"""The world: all processes of one mpiexec, checked and given their share of the cores."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from cnnx import _core, advice
from cnnx.distributed.communicator import Communicator
from cnnx.distributed.ending import Ending
from cnnx.distributed.lost import start_watcher, tell_started
from cnnx.launcher import started_processes
from cnnx.runtime import set_num_threads

_THREADS = ("CNNX_NUM_THREADS", "OMP_NUM_THREADS")


@functools.cache
def world() -> Communicator:
    """All processes that ``mpiexec`` has started, for ``Trainer(..., communicator=world())``.

    Without ``mpiexec`` this is one process. The first call loads MPI, compares the versions of
    cnnx, and divides the cores of a machine among its processes, unless MPI has given each its
    own or ``CNNX_NUM_THREADS`` or ``OMP_NUM_THREADS`` is set. From then on an error that ends one
    process ends all of them.

    Raises:
        ImportError: if mpi4py is not installed: ``pip install 'cnnx[mpi]'``.
        ValueError: if the processes have different versions of cnnx, or mpi4py uses another MPI
            library than the launcher.
    """
    start_watcher()
    # If a process dies, UCX, which MPICH uses, prints a long stack trace in each of the others.
    os.environ.setdefault("UCX_HANDLE_ERRORS", "none")
    try:
        with warnings.catch_warnings():
            # Of the launcher of another library, which is refused below.
            warnings.filterwarnings("ignore", "suspicious MPI", RuntimeWarning)
            from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            "distributed: needs mpi4py and an MPI library such as mpich or openmpi, which are not "
            f"installed ({error}): pip install 'cnnx[mpi]'"
        ) from error
    tell_started()
    if MPI.COMM_WORLD.Get_size() == 1:
        if started_processes() > 1:
            raise ValueError(
                f"distributed: {started_processes()} processes were started by the launcher of "
                f"another MPI library than that of mpi4py, {MPI.get_vendor()[0]}, expected the "
                "same: start them with its mpiexec"
            )
        return Communicator(MPI.COMM_WORLD)
    ending = Ending(MPI.COMM_WORLD)
    # Before anything that other versions may do otherwise.
    Communicator(MPI.COMM_WORLD).check_same("distributed: cnnx", _core.__version__)
    if MPI.COMM_WORLD.Get_rank() > 0:
        _leave_warnings_to_first()
    _divide_cores(MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED))
    return Communicator(MPI.COMM_WORLD, ending.watch().waiting)


def _leave_warnings_to_first() -> None:
    """Show none of the warnings of cnnx, which process 0 shows."""
    show = warnings.showwarning

    def show_others(*warning: Any, **settings: Any) -> None:
        category = warning[1] if len(warning) > 1 else settings["category"]
        if not issubclass(category, advice.Warning):
            show(*warning, **settings)

    warnings.showwarning = show_others


def _divide_cores(machine: Any) -> None:
    """Give each process of a machine its share of the cores that they have in common."""
    if any(os.environ.get(name) for name in _THREADS):
        return
    # A container's quota of time may allow fewer threads than there are cores.
    allowed = min(machine.allgather(_core.get_num_threads()))
    cores: list[set[int]] = machine.allgather(_own_cores())
    if sum(map(len, cores)) > len(set().union(*cores)):  # not bound to cores of their own
        set_num_threads(max(1, allowed // len(cores)))


def _own_cores() -> set[int]:
    """Cores that this process may run on; all of them on systems that do not tell."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))
