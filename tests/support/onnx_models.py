"""Small ONNX models made node by node, and their outputs by ONNX's own reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cnnx.onnx.reader import graph_of
from numpy.typing import NDArray
from onnx_arrays import ArrayModel, array_model

onnx = pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

Floats = NDArray[np.float32]


class OnnxModel:
    """ONNX model under construction, with one input `x`.

    Args:
        shape: shape of the input, the batch first.
        opset: version of the operator set.
        open_sizes: whether the batch has no size in the file.
    """

    def __init__(self, *shape: int, opset: int = 17, open_batch: bool = False) -> None:
        self.shape, self.opset, self.open_batch = shape, opset, open_batch
        self.rng = np.random.default_rng(7)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.metadata: dict[str, str] = {}
        self.dtype = np.float32

    def constant(self, values: Any, name: str = "") -> str:
        """An initializer; lists of integers are int64."""
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = name or f"weight_{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(array, name))
        return name

    def weight(self, *shape: int, name: str = "") -> str:
        """A random initializer."""
        return self.constant(self.rng.standard_normal(shape), name)

    def positive(self, *shape: int) -> str:
        """A random initializer of numbers above 1/2."""
        return self.constant(0.5 + self.rng.random(shape))

    def node(self, operator: str, *inputs: str, count: int = 1, **attributes: Any) -> Any:
        """A node; the name of its output, or a list of `count` names."""
        outputs = [f"{operator}_{len(self.nodes)}_{k}" for k in range(count)]
        self.nodes.append(
            onnx.helper.make_node(
                operator, inputs, outputs, f"node_{len(self.nodes)}", **attributes
            )
        )
        return outputs[0] if count == 1 else outputs

    def proto(self, *outputs: str) -> Any:
        """The finished model."""
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        shape: list[Any] = ["batch" if self.open_batch else self.shape[0], *self.shape[1:]]
        image = onnx.helper.make_tensor_value_info("x", kind, shape)
        results = [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in outputs
        ]
        graph = onnx.helper.make_graph(self.nodes, "graph", [image], results, self.weights)
        opsets = [onnx.helper.make_opsetid("", self.opset)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.helper.set_model_props(model, self.metadata)
        return model

    def save(self, path: Path, *outputs: str) -> Path:
        """Write the finished model to a file."""
        onnx.save(self.proto(*outputs), path)
        return path

    def input(self) -> Floats:
        """A random input."""
        return self.rng.standard_normal(self.shape).astype(np.float32)


def number(m: OnnxModel, value: float) -> str:
    """A constant without axes."""
    return m.constant(np.float32(value))


def reduced(m: OnnxModel, operator: str, x: Any, axes: list[int], **settings: int) -> Any:
    """A reduction whose axes are an input since the operator set that made them one."""
    if m.opset >= (13 if operator == "ReduceSum" else 18):
        return m.node(operator, x, m.constant(axes), **settings)
    return m.node(operator, x, axes=axes, **settings)


def reference_output(model: Any, x: Any) -> Floats:
    """First output of a model by ONNX's reference implementation."""
    from onnx.reference import ReferenceEvaluator

    output: Floats = ReferenceEvaluator(model).run(None, {"x": x})[0]
    return output


def imported(model: OnnxModel, output: str) -> ArrayModel:
    """The model as cnnx imports it."""
    graph = graph_of(model.proto(output), Path())
    return array_model(graph, {}, model.shape[0])


def kinds(result: ArrayModel) -> list[str]:
    """Kinds of the layers of an imported model."""
    return [layer.kind for layer in result.model.layers]


def check(model: OnnxModel, output: str, tolerance: float = 1e-5) -> ArrayModel:
    """Import a model and compare its output with the reference; the imported model."""
    result = imported(model, output)
    x = model.input()
    expected = reference_output(model.proto(output), x)
    got = result.run(x)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    return result
