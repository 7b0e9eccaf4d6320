"""Backend of onnx.backend.test, the official tests of ONNX, and their cases in scope."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from cnnx.onnx.graph import Graph
from cnnx.onnx.operators import OPERATORS
from cnnx.onnx.reader import graph_of
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test import BackendTest
from onnx.backend.test.loader import load_model_tests
from onnx_arrays import array_model

FLOAT32 = onnx.TensorProto.FLOAT
# The categories of the official tests whose every case is in scope.
WHOLE_CATEGORIES = {
    "pytorch-converted": "PyTorchConverted",
    "pytorch-operator": "PyTorchOperator",
    "simple": "Simple",
    "real": "Real",
}


class CnnxBackend(Backend):
    """Prepares models; every input but the first array of real numbers becomes a constant."""

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Prepared:
        """The model, which is converted when its inputs are known."""
        return Prepared(graph_of(model, Path()))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether it is the CPU."""
        return device == "CPU"


class Prepared(BackendRep):
    """Graph that is converted when it runs."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def run(self, inputs: Sequence[Any], **kwargs: Any) -> list[np.ndarray]:
        """The outputs of the graph."""
        arrays = {
            value.name: np.asarray(array)
            for value, array in zip(self._graph.inputs, inputs, strict=False)
        }
        real = [name for name, each in arrays.items() if each.dtype == np.float32]
        if not real:
            raise ValueError("has no input of float32, expected one")
        activation = real[0]
        image = arrays.pop(activation)
        batch = image.shape[0] if image.ndim else 1
        return [
            array_model(self._graph, arrays, batch, output.name).run(image)
            for output in self._graph.outputs
        ]


class OfficialCase(NamedTuple):
    """Case of the official tests.

    Attributes:
        name: its name, such as "test_conv_with_autopad_same".
        category: category in the names of the official classes, such as "Node".
        operator: operator of a case of one node; empty otherwise.
    """

    name: str
    category: str
    operator: str


@functools.cache
def cases_in_scope() -> tuple[OfficialCase, ...]:
    """Cases in float32 of one node that can be imported, and all cases of the other categories."""
    return (*_node_cases(), *_whole_cases())


def _node_cases() -> Iterator[OfficialCase]:
    for case in load_model_tests(kind="node"):
        graph = case.model.graph if case.model else None
        if graph is None or len(graph.node) != 1 or case.name.endswith("_expanded"):
            continue
        node = graph.node[0]
        types = [each.type.tensor_type.elem_type for each in (*graph.input[:1], *graph.output)]
        own = node.domain in ("", "ai.onnx") and node.op_type in OPERATORS
        if own and set(types) == {FLOAT32}:
            yield OfficialCase(case.name, "Node", node.op_type)


def _whole_cases() -> Iterator[OfficialCase]:
    for kind, category in WHOLE_CATEGORIES.items():
        for case in load_model_tests(kind=kind):
            yield OfficialCase(case.name, category, "")


def official_functions() -> dict[str, Callable[[object], None]]:
    """Functions of the official tests, which run cnnx, by the names of the cases in scope."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # computing the expected values overflows here and there
        classes = BackendTest(CnnxBackend, __name__).test_cases.values()
        found = {name: function for each in classes for name, function in vars(each).items()}
        return {case.name: found[f"{case.name}_cpu"] for case in cases_in_scope()}
