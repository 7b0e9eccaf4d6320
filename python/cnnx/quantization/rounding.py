"""Rounding of weights that makes the error of a layer's outputs small."""

from __future__ import annotations

import numpy as np

from cnnx import ops
from cnnx.quantization.network import Array, Node
from cnnx.quantization.weights import MOST

_SWEEPS = 6
# Weights whose changes are included in the other gradients together.
_BLOCK = 64
# Part of the largest variance below which a value does not matter.
_LEAST = 1e-12


def rounded_for_outputs(node: Node, scales: Array, covariance: Array) -> Array:
    """Whole numbers from -127 to 127 times the scales, with a small error of the outputs.

    The mean squared error of the outputs is a quadratic form of the errors of the weights, with the
    covariance of the inputs; the bias makes up for the mean error. From the nearest whole numbers
    on, one weight of each output channel after the other becomes the best one given the others.

    Args:
        node: a convolution or dense layer.
        scales: scale of each output channel.
        covariance: covariance of the inputs, (1, inputs, inputs), or (channels, taps, taps) of a
            depthwise convolution.

    References:
        E. Frantar and others: GPTQ, 2023, for the error; P. Nair and A. Suggala: CDQuant, 2024, for
        the descent by coordinates.
    """
    weight = node.arrays["weight"]
    rows = weight.reshape(-1, weight.shape[-1]) / scales
    if node.is_depthwise:  # a group for each channel
        whole = _best_whole(rows.T[:, :, np.newaxis], covariance)[:, :, 0].T
    else:
        whole = _best_whole(rows[np.newaxis], covariance)[0]
    return whole.reshape(weight.shape) * scales


def _best_whole(places: Array, covariance: Array) -> Array:
    """Whole numbers near the places, (groups, inputs, outputs)."""
    whole = np.clip(np.round(places), -MOST, MOST)
    curvature = np.diagonal(covariance, axis1=1, axis2=2)[:, :, np.newaxis]
    largest = curvature.max()
    if not 0 < largest < np.inf:
        return whole
    covariance, curvature = covariance / largest, curvature / largest
    inverse = np.where(curvature > _LEAST, 1 / np.maximum(curvature, _LEAST), 0.0)
    gradient = _times(covariance, whole - places)
    for _ in range(_SWEEPS):
        before = whole.copy()
        for start in range(0, whole.shape[1], _BLOCK):
            _improve_block(whole, gradient, covariance, inverse, start)
        if np.array_equal(whole, before):
            break
    return whole


def _improve_block(
    whole: Array, gradient: Array, covariance: Array, inverse: Array, start: int
) -> None:
    """Make the best of each weight of a block given the others; update whole and gradient."""
    inputs = whole.shape[1]
    block = slice(start, min(start + _BLOCK, inputs))
    old = whole[:, block].copy()
    for each in range(block.start, block.stop):
        best = np.round(whole[:, each] - gradient[:, each] * inverse[:, each])
        change = np.clip(best, -MOST, MOST) - whole[:, each]
        whole[:, each] += change
        gradient[:, block] += covariance[:, block, each, np.newaxis] * change[:, np.newaxis]
    changes = whole[:, block] - old
    others = np.r_[: block.start, block.stop : inputs]
    if others.size and changes.any():
        gradient[:, others] += _times(covariance[:, others, block], changes)


def _times(matrices: Array, columns: Array) -> Array:
    """Product of each group's matrix and columns, the same bits on every CPU."""
    if len(matrices) == 1:
        return ops.dense(matrices[0], columns[0])[np.newaxis].astype(np.float64)
    terms = (
        matrices[:, :, each, np.newaxis] * columns[:, each, np.newaxis]
        for each in range(columns.shape[1])
    )
    return np.asarray(sum(terms, np.zeros((*matrices.shape[:2], columns.shape[2]))))
