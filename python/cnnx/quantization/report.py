"""The result of a quantization: the model, and what was chosen and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cnnx.model.model import Model
from cnnx.quantization.ranges import ByteRange


@dataclass(frozen=True)
class AccuracyCheck:
    """Accuracies on labelled images.

    Attributes:
        images: number of images.
        before: accuracy of the float model.
        after: accuracy of the quantized model.
    """

    images: int
    before: float
    after: float

    @property
    def drop(self) -> float:
        """Accuracy that the quantization costs; negative for a gain."""
        return self.before - self.after


@dataclass(frozen=True)
class QuantizationReport:
    """A quantized model with the choices and figures of its quantization.

    Attributes:
        model: the quantized model.
        int8_layers: names of the convolutions and dense layers that compute in integers.
        float_layers: names of those that compute in float32.
        int8_part: part of the multiply-adds of all these layers that are in integers.
        ranges: scale and zero point of each value that is held in bytes, by the name of the layer
            that computes it; "input" is the image.
        calibration_images: number of images by which the ranges were chosen.
        compared_images: number of images for which the predictions were compared, those of the
            calibration and others.
        agreement: part of them for which both models predict the same class; None if the model does
            not predict one class per image.
        check: accuracies before and after; None without a check.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> report = cnnx.quantization.quantize_with_report(model, x)
        >>> print(report)
        4 of 4 convolutions and dense layers in int8, 100.0% of their multiply-adds
        256 images for the calibration, 100.0% of 256 of the same class before and after
    """

    model: Model
    int8_layers: tuple[str, ...]
    float_layers: tuple[str, ...]
    int8_part: float
    ranges: Mapping[str, ByteRange]
    calibration_images: int
    compared_images: int
    agreement: float | None
    check: AccuracyCheck | None

    def __str__(self) -> str:
        layers = len(self.int8_layers) + len(self.float_layers)
        lines = [
            f"{len(self.int8_layers)} of {layers} convolutions and dense layers in int8, "
            f"{self.int8_part:.1%} of their multiply-adds"
        ]
        if self.float_layers:
            lines.append(f"in float32: {', '.join(self.float_layers)}")
        images = f"{self.calibration_images:,} images for the calibration"
        if self.agreement is not None:
            images += f", {self.agreement:.1%} of {self.compared_images:,} of the same class before"
            images += " and after"
        lines.append(images)
        if self.check is not None:
            lines.append(
                f"accuracy {self.check.before:.2%} -> {self.check.after:.2%} on "
                f"{self.check.images:,} labelled images"
            )
        return "\n".join(lines)
