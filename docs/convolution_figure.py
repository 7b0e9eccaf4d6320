"""The figure of docs/convolution-in-full.md: one output of a convolution, and its gradients."""

from __future__ import annotations

import numpy as np
from cnnx import ops
from cnnx.cli.figure import FAINT, Page
from numpy.typing import NDArray

IMAGE = np.array(
    [[0, 1, 2, 1, 0], [1, 2, 3, 0, 1], [2, 1, 0, 1, 2], [0, 1, 3, 2, 1], [1, 0, 1, 2, 0]],
    np.float32,
)
WEIGHT = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
GRAD_OUTPUT = np.array([[0, 0, 0], [0, 1, 0], [0, 0, -2]], np.float32)
_WIDTH, _HEIGHT = 1090, 870
_CELL = 40
_LEFT = 60


def draw_convolution() -> Page:
    """Draw the forward pass and the two gradients, each as two tables that make a third."""
    page = Page(_WIDTH, _HEIGHT)
    output, grad_input, grad_weight = results()
    window = np.zeros_like(IMAGE, bool)
    window[1:4, 1:4] = True
    one = np.zeros_like(output, bool)
    one[1, 1] = True
    tap = np.zeros_like(WEIGHT, bool)
    tap[0, 2] = True
    moved = np.zeros_like(IMAGE, bool)
    moved[0:3, 2:5] = True
    _row(
        page,
        30,
        "Forward: each output is the sum of the products of a window and the weights",
        ((IMAGE, "x", window), (WEIGHT, "weight", None), (output, "output", one)),
        spelled_out(IMAGE[1:4, 1:4], WEIGHT),
    )
    _row(
        page,
        310,
        "Gradient of the weights: each weight meets a window of x, shifted by its place",
        (
            (IMAGE, "x", moved),
            (GRAD_OUTPUT, "grad_output", None),
            (grad_weight, "grad_weight", tap),
        ),
        spelled_out(IMAGE[0:3, 2:5], GRAD_OUTPUT),
    )
    _row(
        page,
        590,
        "Gradient of the input: each grad_output adds the weights, times itself, to a window",
        (
            (GRAD_OUTPUT, "grad_output", one),
            (WEIGHT, "weight", None),
            (grad_input, "grad_input", window),
        ),
        "The 1 adds the weights to the window.\nThe -2, one row and column further,\n"
        "adds them doubled and negated to\nthe window at the lower right.",
    )
    return page


def spelled_out(window: NDArray[np.float32], weight: NDArray[np.float32]) -> str:
    """The products of two matrices and their sum, a line per row."""
    lines = [
        " + ".join(f"{a:.0f}\N{MULTIPLICATION SIGN}{b:.0f}" for a, b in zip(*rows, strict=True))
        for rows in zip(window, weight, strict=True)
    ]
    return "\n+ ".join(lines) + f"\n= {(window * weight).sum():.0f}"


def results() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The output, grad_input and grad_weight of the figure, as matrices."""
    x, weight = IMAGE[None, :, :, None], WEIGHT[:, :, None, None]
    grad_output = GRAD_OUTPUT[None, :, :, None]
    output = ops.conv2d(x, weight)
    grad_input, grad_weight, _ = ops.conv2d_backward(grad_output, x, weight)
    return output[0, :, :, 0], grad_input[0, :, :, 0], grad_weight[:, :, 0, 0]


def _row(
    page: Page,
    y: float,
    title: str,
    tables: tuple[tuple[NDArray[np.float32], str, NDArray[np.bool_] | None], ...],
    remark: str,
) -> None:
    """Draw two tables that make a third, and a remark beside them."""
    page.text(_LEFT - 20, y, title, size=19, bold=True)
    left = float(_LEFT)
    middle = y + 60 + 2.5 * _CELL
    for index, (values, name, marked) in enumerate(tables):
        rows, columns = values.shape
        page.grid(
            left,
            middle - rows * _CELL / 2,
            values,
            cell=_CELL,
            form="{:.0f}".format,
            size=15,
            strongest=max(4.0, float(np.abs(values).max())),
            marked=marked,
            title=name,
        )
        left += columns * _CELL + 90
        if index < 2:
            sign = "\N{ASTERISK OPERATOR}="[index]
            page.text(left - 45, middle, sign, size=28, colour=FAINT, align="center", middle=True)
    page.text(left - 30, middle - 50, remark, size=17)
