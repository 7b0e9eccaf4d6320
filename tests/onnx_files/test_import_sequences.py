"""Pieces of a SplitToSequence, as PyTorch's exporter writes `chunk` and `split`."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds


def pieces(m: OnnxModel, split: Any, *places: int, **settings: int) -> list[str]:
    sizes = [] if split is None else [m.constant(np.array(split, np.int64))]
    sequence = m.node("SplitToSequence", "x", *sizes, **settings)
    positions = [m.constant(np.array(place, np.int64)) for place in places]
    return [m.node("SequenceAt", sequence, position) for position in positions]


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("split", [3, [2, 1, 3, 3], [2, 7]], ids=str)
@pytest.mark.parametrize("place", [0, 1, -1, -2])
def test_a_piece_is_that_of_the_reference(axis: int, split: Any, place: int) -> None:
    m = OnnxModel(2, 9, 9, 9)
    (piece,) = pieces(m, split, place, axis=axis)
    kind = "slice_channels" if axis == 1 else "crop2d"
    assert kinds(check(m, m.node("Relu", piece))) == [kind, "relu"]


def test_the_last_piece_of_a_size_may_be_smaller() -> None:
    m = OnnxModel(2, 8, 5, 5)
    first, last = pieces(m, 5, 0, 1, axis=1)
    check(m, m.node("Concat", m.node("Relu", last), first, axis=1))


@pytest.mark.parametrize("keepdims", [0, 1])
def test_pieces_without_sizes_are_one_wide(keepdims: int) -> None:
    m = OnnxModel(2, 3, 5, 4)
    (row,) = pieces(m, None, 2, axis=2, keepdims=keepdims)
    check(m, m.node("Relu", row))
    m = OnnxModel(2, 3, 5, 4)
    (channel,) = pieces(m, None, 1, axis=1, keepdims=keepdims)
    check(m, m.node("Relu", channel))


def test_channels_that_were_shuffled_are_brought_into_order_once() -> None:
    m = OnnxModel(2, 8, 5, 4)
    parts = m.node("Reshape", "x", m.constant([2, 2, 4, 5, 4]))
    turned = m.node("Transpose", parts, perm=[0, 2, 1, 3, 4])
    shuffled = m.node("Reshape", turned, m.constant([2, 8, 5, 4]))
    sequence = m.node("SplitToSequence", shuffled, m.constant(np.array(4)), axis=1)
    first, second = (m.node("SequenceAt", sequence, m.constant(np.array(k))) for k in (0, 1))
    result = check(m, m.node("Concat", m.node("Relu", second), first, axis=1))
    assert kinds(result).count("channel_shuffle") == 1


@pytest.mark.parametrize(
    ("split", "place", "reason"),
    [
        (3, 3, "has 3 pieces, and number 3 of them is read"),
        ([4, 5], -3, "has 2 pieces, and number -3 of them is read"),
        ([4, 4], 0, r"splits an axis of 9 into \[4, 4\]"),
        ([9, 0], 0, r"splits an axis of 9 into \[9, 0\]"),
        (0, 0, r"splits an axis of 9 into \[0\]"),
        ([], 0, r"splits an axis of 9 into \[\]"),
    ],
)
def test_impossible_pieces_are_malformed(split: Any, place: int, reason: str) -> None:
    m = OnnxModel(2, 9, 5, 4)
    (piece,) = pieces(m, split, place, axis=1)
    with pytest.raises(cnnx.FormatError, match=reason):
        imported(m, m.node("Relu", piece))


def test_a_sequence_that_is_read_otherwise_is_refused() -> None:
    m = OnnxModel(2, 8, 5, 4)
    sequence = m.node("SplitToSequence", "x", m.constant(np.array(4)), axis=1)
    whole = m.node("ConcatFromSequence", sequence, axis=1)
    first = m.node("SequenceAt", sequence, m.constant(np.array(0)))
    joined = m.node("Concat", whole, first, axis=1)
    with pytest.raises(cnnx.onnx.UnsupportedError) as error:
        imported(m, m.node("Relu", joined))
    assert "SplitToSequence (node_0): its sequence is read by more than" in str(error.value)


def test_pieces_of_the_batch_are_refused() -> None:
    m = OnnxModel(2, 8, 5, 4)
    (piece,) = pieces(m, 2, 0, axis=0)
    with pytest.raises(cnnx.onnx.UnsupportedError, match="splits the batch"):
        imported(m, m.node("Relu", piece))


def test_a_piece_of_nothing_is_refused() -> None:
    m = OnnxModel(2, 8, 5, 4)
    with pytest.raises(cnnx.onnx.UnsupportedError, match="SequenceAt"):
        imported(m, m.node("Add", m.node("SequenceAt"), "x"))
