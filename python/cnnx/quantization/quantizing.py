"""`cnnx.quantize`: a copy of a model that computes in integers."""

from __future__ import annotations

from cnnx.advice import warn
from cnnx.arguments import not_negative, one_of
from cnnx.data.dataset import Dataset, ImageLike
from cnnx.data.dataset import LabelledImages as Labelled
from cnnx.model.compute_dtype import in_float32
from cnnx.model.custom_layers import custom_layer
from cnnx.model.model import Model
from cnnx.model.model_argument import check_single_model
from cnnx.quantization.accuracy import Agreement, LabelledCheck
from cnnx.quantization.calibrated_network import CalibratedNetwork, calibrated_network
from cnnx.quantization.calibration_images import compared_images
from cnnx.quantization.errors import AccuracyDropError
from cnnx.quantization.mixed_precision import float_layers_for
from cnnx.quantization.multiply_adds import part_of
from cnnx.quantization.ranges import CALIBRATIONS, Calibration
from cnnx.quantization.report import AccuracyCheck, QuantizationReport
from cnnx.spelling import checked_call

_FUNCTION = "quantize"
_MAX_ACCURACY_DROP, _MIN_AGREEMENT = 0.005, 0.985


@checked_call
def quantize(
    model: Model,
    images: ImageLike | Dataset,
    *,
    check: Labelled | None = None,
    max_accuracy_drop: float = _MAX_ACCURACY_DROP,
    min_agreement: float = _MIN_AGREEMENT,
    calibration: Calibration = "mse",
) -> Model:
    """Copy a trained model with int8 weights and activations in bytes, which predicts in integers.

    Batch norms become part of the convolutions before them. Weights get a scale per output channel,
    activations a scale and a zero point per array, chosen on the images. The predictions have the
    same bits on every CPU. The copy cannot be trained. A model whose `compute_dtype` is bfloat16 is
    quantized from its float32 weights, and compared with its predictions in float32.

    With `check`, layers stay in float32 as needed, so that the accuracy falls by at most
    `max_accuracy_drop`. Without it, they stay so that the copy predicts the class of the model for
    `min_agreement` of the images, which proves nothing about the accuracy. At least half of the
    multiply-adds become integers. If fewer images agree then, a warning says so.
    `cnnx.quantization.quantize_with_report` also returns the choices and figures.

    Args:
        model: trained model.
        images: images like those that the model will see, without labels: as for a call of the
            model, or a `Dataset`, or a path as for `cnnx.data.load`, whose training set is used. At
            most 256 of them, evenly spaced, choose the scales, and at most 1,024 the layers in
            float32 without `check`.
        check: labelled images that the model was not trained on, in any form that
            `cnnx.evaluation.evaluate` accepts, such as (x, y).
        max_accuracy_drop: the most accuracy that may be lost on `check`, 0.005 for half a point.
        min_agreement: without `check`, part of the images for which the copy should predict the
            class of the model; 0 for integers in all layers that can.
        calibration: "mse" for the scales with the smallest mean squared error, "min_max" for scales
            that clip no value of the images, "percentile" for scales that clip the largest and the
            smallest 0.01 % of the values.

    Returns:
        A copy with the classes, preprocessing and temperature of the model.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if the images do not fit the model, or no layer can compute in integers.
        cnnx.quantization.AccuracyDropError: a ValueError, if the accuracy falls by more with half
            of the multiply-adds in integers.
        FloatingPointError: if the outputs of a layer are not finite.
        OSError: if a path cannot be read.

    References:
        B. Jacob and others: Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018; M. Nagel and others: Data-Free Quantization Through
        Weight Equalization and Bias Correction, 2019.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=2)
        >>> small = cnnx.quantize(model, x, check=cnnx.data.xo(256, seed=2))
        >>> small.layers[1]
        ModelLayer('conv2d_1', conv2d, (32, 32, 16))
    """
    return quantize_with_report(
        model,
        images,
        check=check,
        max_accuracy_drop=max_accuracy_drop,
        min_agreement=min_agreement,
        calibration=calibration,
    ).model


@checked_call
def quantize_with_report(
    model: Model,
    images: ImageLike | Dataset,
    *,
    check: Labelled | None = None,
    max_accuracy_drop: float = _MAX_ACCURACY_DROP,
    min_agreement: float = _MIN_AGREEMENT,
    calibration: Calibration = "mse",
) -> QuantizationReport:
    """Quantize a model as `cnnx.quantize`, and report the choices and figures.

    Args:
        model: as for `cnnx.quantize`.
        images: as for `cnnx.quantize`.
        check: as for `cnnx.quantize`.
        max_accuracy_drop: as for `cnnx.quantize`.
        min_agreement: as for `cnnx.quantize`.
        calibration: as for `cnnx.quantize`.

    Raises:
        TypeError: as `cnnx.quantize`.
        ValueError: as `cnnx.quantize`.
        OSError: as `cnnx.quantize`.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> report = cnnx.quantization.quantize_with_report(model, x)
        >>> report.int8_layers
        ('conv2d_1', 'conv2d_2', 'dense_1', 'dense_2')
    """
    check_single_model(model, _FUNCTION)
    one_of(calibration, CALIBRATIONS, _FUNCTION, "calibration")
    most = not_negative(max_accuracy_drop, _FUNCTION, "max_accuracy_drop")
    least = not_negative(min_agreement, _FUNCTION, "min_agreement")
    if least > 1:
        raise ValueError(f"{_FUNCTION}: min_agreement is {least:g}, expected a number from 0 to 1")
    if most > 1:
        raise ValueError(
            f"{_FUNCTION}: max_accuracy_drop is {most:g}, expected a part of 1, such as 0.005"
        )
    if check is None and most != _MAX_ACCURACY_DROP:
        raise ValueError(
            f"{_FUNCTION}: max_accuracy_drop is {most:g}, expected check=(x, y), on which the "
            "accuracy is measured; without it, min_agreement"
        )
    if check is not None and least != _MIN_AGREEMENT:
        raise ValueError(
            f"{_FUNCTION}: min_agreement is {least:g}, expected max_accuracy_drop, because check "
            "is given"
        )
    _refuse_unless_quantizable(model)
    model = in_float32(model)
    labelled = None if check is None else LabelledCheck(check, model, _FUNCTION)
    compared = compared_images(images, model, _FUNCTION)
    compared.warn_of_equal_images(_FUNCTION)
    network = calibrated_network(model, compared.evenly_spaced(), calibration)
    if not network.candidates:
        raise ValueError(
            f"{_FUNCTION}: the model has no layer that can compute in integers, expected a Dense, "
            "or a Conv2d without groups or with one channel per group"
        )
    agreement = Agreement(model, compared)
    if labelled is None:
        in_floats = _float_layers_that_agree(network, agreement, least)
    else:
        in_floats = _float_layers(network, labelled, most)
    report = _report(network, in_floats, agreement, labelled)
    if labelled is None and report.agreement is not None and report.agreement < least:
        warn(
            f"{_FUNCTION}: the quantized model predicts the same class for {report.agreement:.1%} "
            f"of {report.compared_images} images with {report.int8_part:.0%} of the multiply-adds "
            f"in int8, expected at least {least:.1%}: pass check=(x, y) to measure the accuracy"
        )
    return report


def _refuse_unless_quantizable(model: Model) -> None:
    custom = custom_layer(model._core)
    if custom is not None:
        raise ValueError(
            f"{_FUNCTION}: layer {custom} is computed by Python functions, which have no form in "
            "integers, expected layers of the library"
        )
    quantized = [
        name for kind, how, name, _, _ in model._core.layers if how.get("int8_weight") is True
    ]
    if quantized:
        raise ValueError(
            f"{_FUNCTION}: the model's layer {quantized[0]} has int8 weights already, expected a "
            "float model"
        )


def _float_layers_that_agree(
    network: CalibratedNetwork, agreement: Agreement, least: float
) -> list[str]:
    """Layers that stay in floats so that the predictions agree, or agree more."""

    def is_kept(in_floats: list[str]) -> bool:
        part = agreement.of(network.quantized(network.placement(in_floats)))
        return part is None or part >= least

    return [] if is_kept([]) else float_layers_for(network, is_kept)[0]


def _float_layers(network: CalibratedNetwork, check: LabelledCheck, most: float) -> list[str]:
    """Layers that have to stay in floats to keep the accuracy.

    Raises:
        AccuracyDropError: if it cannot be kept.
    """

    def accuracy(in_floats: list[str]) -> float:
        return check.accuracy(network.quantized(network.placement(in_floats)))

    after = accuracy([])
    if check.before - after <= most:
        return []
    chosen, is_kept = float_layers_for(
        network, lambda in_floats: check.before - accuracy(in_floats) <= most
    )
    if is_kept:
        return chosen
    mixed = accuracy(chosen)
    raise AccuracyDropError(
        f"{_FUNCTION}: on {check.images:,} images the accuracy falls from {check.before:.4f} to "
        f"{after:.4f}, and to {mixed:.4f} with {len(chosen)} of {len(network.candidates)} layers "
        f"in float32 ({', '.join(chosen)}), expected a drop of at most {most:g} with half of the "
        "multiply-adds in int8: max_accuracy_drop=... allows more"
    )


def _report(
    network: CalibratedNetwork,
    in_floats: list[str],
    agreement: Agreement,
    check: LabelledCheck | None,
) -> QuantizationReport:
    placement = network.placement(in_floats)
    quantized = network.quantized(placement)
    int8 = tuple(name for name in network.candidates if name not in in_floats)
    measured = None
    if check is not None:
        measured = AccuracyCheck(check.images, check.before, check.accuracy(quantized))
    return QuantizationReport(
        quantized,
        int8,
        tuple(name for name in network.work if name not in int8),
        part_of(int8, network.work),
        network.ranges(placement),
        len(network.images.pixels),
        agreement.images,
        agreement.of(quantized),
        measured,
    )
