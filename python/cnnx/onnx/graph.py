"""ONNX graph in memory: plain classes that the importer reads and the exporter writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
PRODUCER = "cnnx"
Attribute: TypeAlias = "int | float | str | Array | list[int] | list[float] | list[str]"


@dataclass
class Value:
    """Input or output of a graph.

    Attributes:
        name: name, unique among the values of the graph.
        dtype: dtype of the elements.
        shape: sizes of the axes: a number, the name of a size that varies, or None for a size that
            is unknown; None for an unknown number of axes.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str | None, ...] | None


@dataclass
class Node:
    """One operation of a graph.

    Attributes:
        op_type: name of the operator, such as "Conv".
        inputs: names of the values that it reads; empty for an optional input that is left out.
        outputs: names of the values that it computes, likewise.
        attributes: attributes by name. A tensor is an array, a list has elements of one type.
        name: name of the node; may be empty.
        domain: operator set; empty for the one of ONNX itself.
        constant_axes: of a node that stands for several ones the most axes of a constant among
            their inputs; ONNX gives the result as many.
    """

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    name: str = ""
    domain: str = ""
    constant_axes: int = 0


@dataclass
class Graph:
    """Network as ONNX describes it.

    Attributes:
        nodes: operations, each after those whose outputs it reads.
        inputs: values that the caller gives, without the initializers.
        outputs: values that the caller gets.
        initializers: constant arrays by name: the weights.
        opset: version of ONNX's own operator set.
        metadata: texts by key, such as "cnnx.classes".
        producer: name of the program that wrote the file last.
    """

    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    initializers: Mapping[str, Array]
    opset: int
    metadata: dict[str, str] = field(default_factory=dict)
    producer: str = PRODUCER

    @property
    def is_from_cnnx(self) -> bool:
        """Whether cnnx wrote the file, and no other program since."""
        own = any(key.startswith("cnnx.") for key in self.metadata)
        return own and self.producer == PRODUCER
