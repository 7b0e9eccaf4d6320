"""by-hand.png: the hand-made network of by_hand.py, step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnx.cli import by_hand
from cnnx.cli.figure import FAINT, MARK, Page

_WIDTH, _HEIGHT = 1300, 2700
_LEFT = 70
_PIXEL = 27  # side of a cell of an image
_CELL = 41  # side of a cell with two decimals
_WEIGHT = 32  # side of a cell of a filter
_TIMES = "\N{MULTIPLICATION SIGN}"
_TITLE = 100  # distance from the heading of a step to its first table


def draw_by_hand() -> Page:
    """Draw the page."""
    page = Page(_WIDTH, _HEIGHT)
    x = by_hand.follow(by_hand.x_image())
    page.text(40, 28, "How a convolutional network tells an X from an O", size=34, bold=True)
    page.text(
        40,
        80,
        "Every number can be checked by hand. Orange is above zero, blue below, white is zero. "
        "Rounded to two decimals: 0.56 is 5/9.",
        size=16,
        colour=FAINT,
    )
    _compare_pixels(page, 132)
    _apply_filter(page, 522, x)
    _first_stack(page, 912, x)
    _second_stack(page, 1686, x)
    _vote(page, 2226)
    return page


def _heading(page: Page, y: float, height: float, title: str, text: str) -> None:
    if title[0] in "135":
        page.band(y - 16, height, _WIDTH)
    page.text(40, y, title, size=22, bold=True)
    page.text(_LEFT, y + 34, text, size=16)


def _compare_pixels(page: Page, y: float) -> None:
    first = by_hand.x_image()
    second = by_hand.moved(first, 0, 1)
    wrong = by_hand.mismatches(first, second)
    with_o = int(by_hand.mismatches(first, by_hand.o_image()).sum())
    _heading(
        page,
        y,
        390,
        "1  Comparing pixel by pixel fails",
        "Add two images cell by cell: where they agree the sum is 2 or -2, where they do not it "
        "is 0.",
    )
    top = y + _TITLE
    side = 9 * _PIXEL
    columns = [_LEFT + k * (side + 60) for k in range(3)]
    page.grid(columns[0], top, first, cell=_PIXEL, form=_whole, title="an X")
    page.grid(columns[1], top, second, cell=_PIXEL, form=_whole, title="the same X, one cell right")
    page.grid(
        columns[2],
        top,
        first + second,
        cell=_PIXEL,
        form=_whole,
        strongest=2,
        marked=wrong,
        title=f"the sum: {int(wrong.sum())} cells disagree",
    )
    _sign(page, columns[1] - 30, top + side / 2, "+", size=30)
    _sign(page, columns[2] - 30, top + side / 2, "=", size=30)
    page.text(
        columns[2] + side + 35,
        top + 12,
        f"The same X, yet {int(wrong.sum())} of 81\n"
        "cells disagree. An O in its\n"
        f"place disagrees in only {with_o}:\n"
        "by its pixels, the moved X\n"
        "is less like the X than an\n"
        "O is.\n"
        "A convolutional network\n"
        "compares small pieces,\n"
        "wherever they lie.",
        size=16,
    )


def _apply_filter(page: Page, y: float, x: by_hand.Steps) -> None:
    _heading(
        page,
        y,
        390,
        "2  A filter looks for one small thing",
        "Align the filter with a piece of the image, multiply each cell with the one it lies on, "
        "add the nine products, divide by 9.",
    )
    top = y + _TITLE
    page.grid(_LEFT, top, x.image, cell=_PIXEL, form=_whole, title="the image")
    falling = by_hand.filters()[:, :, 0, 0]
    side = 3 * _WEIGHT
    left = _LEFT + 9 * _PIXEL + 90
    examples = (
        (1, "a perfect match: a falling stroke is here"),
        (3, "where the strokes cross, it matches less"),
    )
    for index, (at, remark) in enumerate(examples):
        piece = x.image[at : at + 3, at : at + 3]
        page.frame(_LEFT + at * _PIXEL, top + at * _PIXEL, 3 * _PIXEL, 3 * _PIXEL)
        row = top + index * (side + 51)
        middle = row + side / 2
        places = [left + k * (side + 44) for k in range(3)]
        tables = ((piece, "piece"), (falling, "filter: falling"), (piece * falling, "products"))
        for place, (values, title) in zip(places, tables, strict=True):
            _filter(page, place, middle, values, title)
        page.arrow(_LEFT + (at + 3) * _PIXEL, top + (at + 1.5) * _PIXEL, left - 8, middle)
        _sign(page, places[1] - 22, middle, _TIMES)
        _sign(page, places[2] - 22, middle, "=")
        total = int((piece * falling).sum())
        right = places[2] + side + 30
        result = f"sum {total},  {total} / 9 = {total / 9:.2f}"
        page.text(right, row + 14, result, size=20, bold=True)
        page.text(right, row + 50, remark, size=15, colour=FAINT)


def _first_stack(page: Page, y: float, x: by_hand.Steps) -> None:
    _heading(
        page,
        y,
        774,
        "3  First stack: filter, ReLU, pooling",
        "Slide the filter over the whole image: the map says how well it matches at each place. "
        "ReLU drops what is below zero.\nPooling keeps the largest of each two by two cells.",
    )
    filters = by_hand.filters()
    side = 7 * _CELL
    remarks = (
        "1.00 all along\nthe stroke it\nlooks for.",
        "Move the X by a\ncell: the map moves\nalong, its largest\nvalue stays 1.00.",
    )
    for index, name in enumerate(("falling", "rising")):
        top = y + _TITLE + 24 + index * (side + 34)
        middle = top + side / 2
        stops = (_LEFT, _LEFT + 150, _LEFT + 150 + side + 50, _LEFT + 150 + 2 * (side + 50))
        _filter(page, stops[0], middle, filters[:, :, 0, index], name)
        page.arrow(stops[0] + 3 * _WEIGHT + 8, middle, stops[1] - 8, middle)
        _values(page, stops[1], top, x.maps[:, :, index], "map")
        page.arrow(stops[2] - 44, middle, stops[2] - 6, middle)
        _values(page, stops[2], top, x.rectified[:, :, index], "after ReLU")
        page.arrow(stops[3] - 44, middle, stops[3] - 6, middle)
        _values(page, stops[3], middle - 2 * _CELL, x.pooled[:, :, index], "after pooling")
        page.text(stops[3] + 4 * _CELL + 24, middle - 40, remarks[index], size=16)


def _second_stack(page: Page, y: float, x: by_hand.Steps) -> None:
    _heading(
        page,
        y,
        540,
        "4  Second stack: the same again, on both maps at once",
        "A cup is a falling stroke with a rising one on its right; a roof is the other way round. "
        "Multiply, add over both maps,\nand divide by 2, for two cells can match. Beyond the edge "
        "is 0.",
    )
    weights = by_hand.second_filters()
    side = 4 * _CELL
    remarks = ("A cup at the top\nof the X: 1.00.", "A roof at the bottom\nof the X: 1.00.")
    for index, (name, shape) in enumerate((("cup", "\\ /"), ("roof", "/ \\"))):
        top = y + _TITLE + 24 + index * (side + 40)
        middle = top + side / 2
        page.text(_LEFT, middle - 34, name, size=18, bold=True)
        page.text(_LEFT, middle - 6, shape, size=26, bold=True, colour=MARK)
        for channel, title in enumerate(("on falling", "on rising")):
            left = _LEFT + 80 + channel * (3 * _WEIGHT + 24)
            _filter(page, left, middle, weights[:, :, channel, index], title)
        first = _LEFT + 80 + 2 * (3 * _WEIGHT + 24) + 36
        stops = (first, first + side + 50, first + 2 * (side + 50))
        for stop in stops:
            page.arrow(stop - 44, middle, stop - 6, middle)
        _values(page, stops[0], top, x.second_maps[:, :, index], "map")
        _values(page, stops[1], top, x.second_rectified[:, :, index], "after ReLU")
        _values(page, stops[2], middle - _CELL, x.second_pooled[:, :, index], "after pooling")
        page.text(stops[2] + 2 * _CELL + 50, middle - 24, remarks[index], size=16)


def _vote(page: Page, y: float) -> None:
    _heading(
        page,
        y,
        _HEIGHT - y + 16,
        "5  The list and the votes",
        "All numbers in one row. A cup at the top and a roof at the bottom vote for X (+1) and "
        "against O (-1), the others the other way round.\nMultiply each number with its vote, add, "
        "divide by 4.",
    )
    across, down = 66, 34
    left = _LEFT + 210
    corners = ("top left", "top right", "bottom left", "bottom right")
    top = y + 108
    for column in range(8):
        kind = ("cup", "roof")[column % 2]
        page.text(
            left + (column + 0.5) * across,
            top,
            f"{corners[column // 2].replace(' ', chr(10))}\n{kind}",
            size=12,
            colour=FAINT,
            align="center",
        )
    weights = by_hand.vote_weights()
    top += 60
    for column, name in enumerate(("vote for X", "vote for O")):
        row = top + column * down
        page.text(left - 16, row + down / 2, name, size=15, align="right", middle=True)
        votes = weights[np.newaxis, :, column]
        page.grid(left, row, votes, cell=(across, down), form=_signed, size=14)
    x_image, o_image = by_hand.x_image(), by_hand.o_image()
    cases = (
        ("the X", x_image),
        ("the X\none cell right", by_hand.moved(x_image, 0, 1)),
        ("the O", o_image),
    )
    for index, (name, image) in enumerate(cases):
        steps = by_hand.follow(image)
        row = top + 2 * down + 26 + index * 66
        page.grid(_LEFT, row - 10, image, cell=6)
        page.text(left - 16, row + down / 2, name, size=15, align="right", middle=True)
        numbers = steps.votes_list[np.newaxis]
        page.grid(left, row, numbers, cell=(across, down), form=_hundredths, size=14)
        page.bars(
            left + 8 * across + 170,
            row - 8,
            [float(vote) for vote in steps.votes],
            ("X", "O"),
            scale=200,
        )


def _values(page: Page, x: float, y: float, values: NDArray[np.float32], title: str) -> None:
    """Draw a map with two decimals, and frame perfect matches."""
    page.grid(x, y, values, cell=_CELL, form=_hundredths, title=title, marked=values == 1)


def _filter(page: Page, x: float, middle: float, values: NDArray[np.float32], title: str) -> None:
    """Draw 3 x 3 whole numbers, vertically centred on `middle`."""
    top = middle - 1.5 * _WEIGHT
    page.grid(x, top, values, cell=_WEIGHT, form=_whole, size=14, title=title)


def _sign(page: Page, x: float, y: float, sign: str, size: float = 24) -> None:
    page.text(x, y, sign, size=size, align="center", middle=True)


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _signed(value: float) -> str:
    return f"{value:+.0f}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}" if value else "0"
