"""The model of `benchmarks.scale_out` against steps whose time is known."""

from __future__ import annotations

import pytest

from benchmarks.scale_model import Bucket, Compute, Costs, Link, exchange, fit, simulate

COMPUTE = Compute(1.0, (Bucket(0.5, 1_000_000), Bucket(0.3, 1_000_000)), 0.1)
FREE = Costs(message=0.0, byte=0.0, addition=0.0)
COSTS = Costs(message=2e-5, byte=1e-9, addition=2e-10)


def test_one_process_computes_only() -> None:
    step = simulate(COMPUTE, 1, Link(1.0, 1.0), COSTS)
    assert step.seconds == pytest.approx(1.9)
    assert step.hidden == 1.0


def test_an_exchange_hides_behind_backward_except_the_last() -> None:
    # Two halves of 1,000,000 bytes each way at 10 MB/s are 0.1 s, which 0.3 s of backward hide.
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE)
    assert step.seconds == pytest.approx(1.9 + 0.1)
    assert step.communicating == pytest.approx(0.2)
    assert step.hidden == pytest.approx(0.5)


def test_a_slow_network_carries_one_exchange_after_the_other() -> None:
    step = simulate(COMPUTE, 2, Link(0.0, 1e6), FREE)
    assert step.seconds == pytest.approx(1.0 + 0.5 + 2 * 1.0 + 0.1)


def test_messages_take_processor_time_from_the_computation() -> None:
    # 0.1 s of the processor per exchange.
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE._replace(byte=0.5e-7))
    assert step.seconds == pytest.approx(1.9 + 0.05 + 0.1)


def test_latency_counts_once_per_round() -> None:
    to_all, _, gathering = exchange(4_000_000, 8, 1, Link(1e-3, 1e12), FREE)
    assert to_all.seconds == pytest.approx(1e-3, rel=0.01)
    assert gathering.seconds == pytest.approx(7e-3, rel=0.01)
    assert exchange(4_000, 8, 1, Link(1e-3, 1e12), FREE)[2].seconds == pytest.approx(3e-3, rel=0.01)


def test_shards_of_a_process_precede_its_exchange() -> None:
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE, shards=4, sent=4)
    # Four contributions in the all-to-all, one sum in the all-gather.
    assert step.seconds == pytest.approx(4 * 1.8 + 0.1 + 0.25)


def test_fit_finds_the_costs_of_exchanges() -> None:
    times = []
    for count in (4096, 65536, 1_048_576):
        parts = exchange(count, 4, 1, Link(0.0, 1e30), COSTS)
        times.append((count, *(part.seconds for part in parts)))
    assert fit(times, 4) == pytest.approx(COSTS)
