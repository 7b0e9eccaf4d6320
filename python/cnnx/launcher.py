"""Processes that a launcher of MPI such as mpiexec has started, as its variables tell them."""

from __future__ import annotations

import os

# Number of the process and of all processes: MPICH, Intel MPI and Slurm; Open MPI; PMIx in Slurm.
_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),
)


def started_process() -> int | None:
    """Number of this process if a launcher of MPI started it, else None; does not load MPI."""
    for name, _ in _VARIABLES:
        number = os.environ.get(name, "")
        if number.isdecimal():
            return int(number)
    return None


def started_processes() -> int:
    """Number of processes that a launcher of MPI started with this one, or 1."""
    for name, count in _VARIABLES:
        number = os.environ.get(count, "")
        if os.environ.get(name, "").isdecimal() and number.isdecimal():
            return int(number)
    return 1
