"""Winograd's transforms as matrices, and their rounding errors. Not part of the package."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def interpolation(points: tuple[float, ...]) -> tuple[Matrix, Matrix, Matrix]:
    """B, G and A of F(m, 3) for m + 1 finite points and infinity (Toom and Cook)."""
    count = len(points) + 1
    powers = np.vander(np.array(points), count, increasing=True)
    at_infinity = np.eye(count)[-1]

    def evaluate(terms: int) -> Matrix:
        last = np.zeros(terms)
        last[-1] = 1.0
        return np.vstack([powers[:, :terms], last])

    # The product of two polynomials from its values is the inverse of evaluation; F(m, 3) is its
    # transpose (Tellegen's principle).
    inverse = np.linalg.inv(np.vstack([powers, at_infinity]))
    return inverse.T, evaluate(3), evaluate(count - 2).T


def amplification(first: Matrix, second: Matrix, back: Matrix, terms: int) -> float:
    """The ratio of the numbers that the algorithm adds up to the products of the formula.

    Root mean square, on random data: the rows of `first` and `second` scale the numbers at a point,
    and `back` scales their rounding errors in the result. Along one axis the mean square grows by
    the factor returned, along two axes by its square, whose root is the factor again. Scaling a
    point changes nothing.
    """
    sizes = (first**2).sum(axis=1) * (second**2).sum(axis=1)
    return float(((back**2) @ sizes).max() / terms)


ROOT_2 = float(np.sqrt(2))
TRANSFORMS = {
    2: interpolation((0.0, 1.0, -1.0)),
    4: interpolation((0.0, 1 / ROOT_2, -1 / ROOT_2, ROOT_2, -ROOT_2)),
}
FORWARD_AMPLIFICATION = {m: amplification(b, g, a, 3) for m, (b, g, a) in TRANSFORMS.items()}
# Of the gradients of input, weight and bias; the input gradient is a forward pass.
BACKWARD_AMPLIFICATIONS = {
    m: (FORWARD_AMPLIFICATION[m], amplification(b, a.T, g.T, m), 1.0)
    for m, (b, g, a) in TRANSFORMS.items()
}
