"""The model of `benchmarks.scale_out` against steps whose time is known."""

from __future__ import annotations

import pytest

from benchmarks.scale_model import (
    SOCKET_BYTES,
    Bucket,
    Compute,
    Costs,
    Link,
    exchanges,
    fit,
    senders,
    simulate,
)

COMPUTE = Compute(1.0, (Bucket(0.5, 1_000_000), Bucket(0.3, 1_000_000)), 0.1)
FREE = Costs(message=0.0, byte=0.0, addition=0.0)
COSTS = Costs(message=2e-5, byte=1e-9, addition=2e-10)


def test_one_process_computes_only() -> None:
    step = simulate(COMPUTE, 1, Link(1.0, 1.0), COSTS)
    assert step.seconds == pytest.approx(1.9)
    assert step.hidden == 1.0


def test_an_exchange_hides_behind_backward_except_the_last() -> None:
    # A bucket takes two transfers of 0.05 s. The addition of the first waits for the second bucket.
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE)
    assert step.seconds == pytest.approx(1.9 + 0.05 + 0.1)
    assert step.hidden == pytest.approx(0.3 / 0.45)


def test_a_slow_network_carries_one_transfer_after_the_other() -> None:
    step = simulate(COMPUTE, 2, Link(0.0, 1e6), FREE)
    assert step.seconds == pytest.approx(1.0 + 0.5 + 2 * 1.0 + 0.1)


def test_between_calls_no_more_moves_than_the_socket_holds() -> None:
    large = Compute(1.0, (Bucket(0.5, 4 * SOCKET_BYTES), Bucket(0.3, 4)), 0.0)
    # The all-to-all of two sockets' bytes takes 0.2 s, of which only one passes during backward.
    step = simulate(large, 2, Link(0.0, SOCKET_BYTES / 0.1), FREE)
    assert step.seconds == pytest.approx(1.8 + 0.1 + 0.2)


def test_a_ring_needs_a_call_for_every_round() -> None:
    three = Compute(1.0, (Bucket(0.5, 4_000_000), Bucket(1.0, 4), Bucket(1.0, 4)), 0.0)
    # The gather begins with the second bucket. One of its rounds of 0.1 s passes before the third.
    step = simulate(three, 4, Link(0.0, 1e7), FREE)
    assert step.seconds == pytest.approx(3.5 + 0.2, rel=1e-4)


def test_messages_take_processor_time_from_the_computation() -> None:
    # The processor is busy for 0.025 of the 0.05 s of a transfer.
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE._replace(byte=0.5e-7))
    assert step.seconds == pytest.approx(1.9 + 0.025 + 0.05 + 0.1)


def test_latency_counts_once_per_round() -> None:
    link = Link(1e-3, 1e13)
    (large,) = exchanges(4_000_000, 8, 8, link, FREE)
    (small,) = exchanges(4_000, 8, 8, link, FREE)
    assert large is not None
    assert small is not None
    assert [each.latency for each in large.transfers] == pytest.approx([1e-3, 7e-3])
    assert [each.latency for each in small.transfers] == pytest.approx([1e-3, 3e-3])
    # After backward come two messages of the last bucket and one of the losses.
    slow = Link(0.1, 1e13)
    assert simulate(COMPUTE, 2, slow, FREE).seconds == pytest.approx(1.9 + 0.2 + 0.1, rel=1e-4)


def test_processes_send_the_shards_whose_group_another_process_begins() -> None:
    assert senders(8, 8) == [8]
    assert senders(8, 2) == [1, 1, 1, 2]


def test_shards_of_a_process_are_sent_while_it_computes_the_next() -> None:
    # The second process sends each of its four shards, the last of them hides like a single one.
    step = simulate(COMPUTE, 2, Link(0.0, 1e7), FREE, shards=8)
    assert step.seconds == pytest.approx(4 * 1.8 + 0.05 + 0.1 + 0.1)


def test_fit_finds_the_costs_of_exchanges() -> None:
    counts = (4096, 65536, 1_048_576)
    seconds = []
    for count in counts:
        (exchange,) = exchanges(count, 4, 4, Link(0.0, 1e30), COSTS)
        assert exchange is not None
        transfers = sum(each.latency + each.rest for each in exchange.transfers)
        seconds.append(transfers + exchange.addition)
    assert fit(counts, seconds, COSTS.addition, 4) == pytest.approx(COSTS)
