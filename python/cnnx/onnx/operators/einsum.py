"""Einsum of ONNX: sums over a common axis of two activations, as products of matrices."""

from __future__ import annotations

from typing import NamedTuple

from cnnx._core import FormatError
from cnnx.onnx.axes import Activation, transposed
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.operators.products import matrix_product
from cnnx.onnx.refusal import RefusedError


class _Terms(NamedTuple):
    """A letter for each axis of the inputs and of the output."""

    first: str
    second: str
    output: str


class _Roles(NamedTuple):
    """What the letters of an equation of two matrices do.

    Attributes:
        common: of both inputs and the output, which count the matrices.
        rows: of the first input and the output.
        columns: of the second input and the output.
        summed: of both inputs alone.
    """

    common: str
    rows: str
    columns: str
    summed: str


def _einsum(call: Call) -> Activation:
    """A product of matrices for each index of the letters that all three terms have."""
    if len(call.inputs) != 2:
        raise RefusedError(f"expected two inputs, has {len(call.inputs)}")
    first, second = call.activation(0), call.activation(1)
    terms = _terms(call.word("equation", ""))
    for term, value in ((terms.first, first), (terms.second, second)):
        if len(term) != len(value.axes):
            raise FormatError(f"has {len(term)} letters {term!r} for {len(value.axes)} axes")
    roles = _roles(terms)
    product = matrix_product(
        call,
        transposed(first, _order(terms.first, roles.common + roles.rows + roles.summed)),
        transposed(second, _order(terms.second, roles.common + roles.summed + roles.columns)),
    )
    made = roles.common + roles.rows + roles.columns
    return transposed(product, _order(made, terms.output))


def _order(term: str, wanted: str) -> list[int]:
    """The axes of a term in the order of the wanted letters."""
    return [term.index(letter) for letter in wanted]


def _terms(equation: str) -> _Terms:
    """The terms of an equation of two inputs.

    Raises:
        RefusedError: if it is none, or a term has an axis without a letter, or the same one twice.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    each = [*inputs.split(","), output]
    simple = len(each) == 3 and all(term.isalpha() and len({*term}) == len(term) for term in each)
    if not arrow or not simple:
        raise RefusedError(f"has equation {equation!r}, expected one such as 'bhid,bhjd->bhij'")
    return _Terms(*each)


def _roles(terms: _Terms) -> _Roles:
    """The letters by what they do.

    Raises:
        RefusedError: if the inputs are not matrices for each image.
    """
    first, second, output = terms
    common = "".join(each for each in output if each in first and each in second)
    rows = "".join(each for each in output if each in first and each not in second)
    columns = "".join(each for each in output if each in second and each not in first)
    summed = "".join(each for each in first if each in second and each not in output)
    each_once = all(len(letters) == 1 for letters in (rows, columns, summed))
    complete = all(
        {*term} == {*letters}
        for term, letters in (
            (first, common + rows + summed),
            (second, common + summed + columns),
            (output, common + rows + columns),
        )
    )
    images = common and all(term.startswith(common[0]) for term in terms)
    if not (each_once and complete and images):
        raise RefusedError(
            f"has equation {first},{second}->{output}, expected a product of matrices for each "
            "image, such as 'bhid,bhjd->bhij'"
        )
    return _Roles(common, rows, columns, summed)


OPERATORS: dict[str, Operator] = {"Einsum": _einsum}
