"""Functions that the programs of the attack on imported ONNX graphs contain."""

from __future__ import annotations

from typing import Any

import numpy as np


def onnx_runtime_output(model: Any, output: str, x: Any) -> Any:
    """A value of the graph by ONNX Runtime, without its optimisations."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    file = model.proto(output).SerializeToString()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return session.run([output], {"x": x})[0]


def compare_imported(model: Any, output: str, x: Any, got: Any) -> None:
    """Raise an exception if the imported graph has another output than ONNX Runtime."""
    # It is no exact reference: its sigmoid has errors of 1.4e-7, also of much smaller results.
    expected = onnx_runtime_output(model, output, x)
    if got.shape != expected.shape:
        raise AssertionError(f"{output} has shape {got.shape}, expected {expected.shape}")
    error = np.max(np.abs(got - expected)) / np.max(np.abs(expected))
    if not error <= 1e-4:
        raise AssertionError(f"{output} is off by {error:.2g} of the largest element")
