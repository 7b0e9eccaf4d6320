"""Quantization of models: int8 weights and activations in bytes.

`cnnx.quantize` returns the quantized model; `quantize_with_report` returns it with the choices and
figures.
"""

from cnnx.quantization.errors import AccuracyDropError
from cnnx.quantization.quantizing import quantize_with_report
from cnnx.quantization.ranges import ByteRange
from cnnx.quantization.report import AccuracyCheck, QuantizationReport

__all__ = [
    "AccuracyCheck",
    "AccuracyDropError",
    "ByteRange",
    "QuantizationReport",
    "quantize_with_report",
]
