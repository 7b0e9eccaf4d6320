"""A training gives the same bits in any number of processes."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from mpi_command import mpiexec, needs_mpi

PROGRAM = Path(__file__).parents[1] / "support" / "distributed_run.py"

pytestmark = needs_mpi


@functools.cache
def hash_of(processes: int, shards: int, threads: int = 1, dtype: str = "float32") -> str:
    outcome = mpiexec(processes, PROGRAM, shards, dtype, threads=threads)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out


@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (4, 2), (8, 1)])
def test_any_number_of_processes_gives_the_same_bits(processes: int, threads: int) -> None:
    assert hash_of(processes, 8, threads) == hash_of(1, 8)


@pytest.mark.parametrize("processes", [2, 4])
def test_groups_of_shards_that_processes_divide_anywhere(processes: int) -> None:
    assert hash_of(processes, 20) == hash_of(1, 20) != hash_of(1, 8)


def test_any_number_of_processes_gives_the_same_bits_in_bfloat16() -> None:
    found = hash_of(2, 8, 2, "bfloat16")
    assert found == hash_of(1, 8, 1, "bfloat16") != hash_of(1, 8)


def test_metrics_of_positions_and_values_are_those_of_one_process() -> None:
    program = PROGRAM.with_name("distributed_metrics.py")
    outcomes = [mpiexec(processes, program) for processes in (1, 2, 4)]
    assert [(each.status, each.err) for each in outcomes] == [(0, "")] * 3
    assert "validation_mask_mean_iou" in outcomes[0].out
    assert len({each.out for each in outcomes}) == 1
