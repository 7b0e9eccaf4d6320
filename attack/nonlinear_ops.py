"""Cases of the ops that are not linear: activations, norms, losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from activation_names import ACTIVATIONS, reads_output

from attack import in_torch
from attack.case import Case, Draw
from attack.op_case import OpCase
from attack.weighted_losses import weighted_loss

# Backwards that read the output, on outputs in the range of the op, in PyTorch.
FROM_OUTPUT = {
    "clip": (
        "rng.uniform({minimum}, {maximum}, {shape})",
        "torch.ops.aten.hardtanh_backward(grad, output, {minimum}, {maximum})",
    ),
    "reciprocal": ("rng.standard_normal({shape})", "-grad * output**2"),
    "relu6": ("6 * rng.random({shape})", "torch.ops.aten.hardtanh_backward(grad, output, 0, 6)"),
    "sigmoid": ("rng.random({shape})", "torch.ops.aten.sigmoid_backward(grad, output)"),
    "tanh": ("2 * rng.random({shape}) - 1", "torch.ops.aten.tanh_backward(grad, output)"),
    "log_softmax": (
        "np.log(rng.dirichlet(np.ones({classes}), {rows}))",
        "torch.ops.aten._log_softmax_backward_data(grad, output, -1, torch.float64)",
    ),
    "softmax": (
        "rng.dirichlet(np.ones({classes}), {rows})",
        "torch.ops.aten._softmax_backward_data(grad, output, -1, torch.float64)",
    ),
}
SOFTMAXES = ("softmax", "log_softmax")
# PyTorch loses logarithms near 0, also in float64.
LEAST = {"log_softmax": 1e-8}
REGRESSION_LOSSES = {
    "mean_squared_error": "F.mse_loss({arguments})",
    "mean_absolute_error": "F.l1_loss({arguments})",
    "huber": "F.huber_loss({arguments}, delta={delta})",
}


def activations(draw: Draw) -> Case:
    """An activation; a PReLU, a softmax and its logarithm, too."""
    op = draw.one_of(*ACTIVATIONS, "prelu", *SOFTMAXES)
    if op == "prelu":
        return prelu(draw)
    settings = activation_settings(draw, op)
    if draw.chance(0.5) and reads_output(op):
        return from_output(draw, op, settings)
    made = OpCase(draw, op)
    shape = (draw.integer(1, 4), *draw.pair(1, 12), draw.integer(1, 40))
    made.array("x", shape, draw.one_of(0.01, 1.0, 4.0, 30.0))
    given = as_keywords(settings)
    made.calls = [f"output = ops.{op}(x{given})"]
    made.terms = {"output": shape[3] if op in SOFTMAXES else 1}
    forward = in_torch.expression(op, "x", settings)
    if not reads_output(op):
        made.array("grad", shape)
        made.calls.append(f"grad_x = ops.{op}_backward(grad, x{given})")
        made.terms["grad_x"] = 1
        made.forward = forward
    else:
        made.all_results_in_torch(f'{{"output": {forward}}}')
    made.rule = f"smooth(expect, arrays, {{terms}}, least={LEAST.get(op, 0.0)})"
    return made.case()


def activation_settings(draw: Draw, op: str) -> dict[str, Any]:
    """Settings of an activation; float32 represents the limits of a clip."""
    if op == "leaky_relu":
        return {"negative_slope": draw.one_of(0.01, 0.2, 0.9)}
    if op == "elu":
        return {"alpha": draw.one_of(1.0, 0.3, 2.5)}
    if op == "gelu":
        return {"approximate": draw.one_of("none", "tanh")}
    if op == "clip":
        return {"minimum": draw.one_of(-4.0, -0.5, 0.0), "maximum": draw.one_of(0.25, 1.0, 6.0)}
    if op in ("hard_shrink", "soft_shrink"):
        return {"threshold": draw.one_of(0.5, 2.0, 0.0)}
    if op == "hard_sigmoid" and draw.chance(0.5):
        return {"slope": draw.one_of(0.2, 1.5), "offset": draw.one_of(0.5, 0.0, -0.25)}
    return {}


def as_keywords(settings: dict[str, Any]) -> str:
    """The settings as further arguments of a call."""
    return "".join(f", {name}={value!r}" for name, value in settings.items())


def from_output(draw: Draw, op: str, settings: dict[str, Any]) -> Case:
    """The backward of an activation from its output."""
    rows, classes = draw.integer(1, 40), draw.integer(1, 60)
    values, forward = FROM_OUTPUT[op]
    made = OpCase(draw, f"{op}_backward")
    made.array("grad", (rows, classes))
    drawn = values.format(shape=(rows, classes), rows=rows, classes=classes, **settings)
    made.expression("output", f"np.float32({drawn})")
    made.calls = [f"grad_x = ops.{op}_backward(grad, output{as_keywords(settings)})"]
    made.terms = {"grad_x": classes if op in SOFTMAXES else 1}
    made.all_results_in_torch('{"grad_x": ' + forward.format(**settings) + "}")
    made.rule = f"smooth(expect, arrays, {{terms}}, {op in SOFTMAXES}, {LEAST.get(op, 0.0)})"
    return made.case()


def prelu(draw: Draw) -> Case:
    """A PReLU of images or of rows."""
    images = (draw.integer(1, 4), *draw.pair(1, 12), draw.integer(1, 40))
    shape = draw.one_of(images, images[2:])
    made = OpCase(draw, "prelu")
    made.array("x", shape)
    made.array("weight", shape[-1:], 0.3)
    made.array("grad", shape)
    made.calls = (
        "output = ops.prelu(x, weight)",
        "grad_x, grad_weight = ops.prelu_backward(grad, x, weight)",
    )
    made.forward = in_torch.prelu("x", "weight", len(shape))
    terms = images[0] * images[1] * images[2]
    made.terms = {"output": 1, "grad_x": 1, "grad_weight": terms}
    made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def norms(draw: Draw) -> Case:
    """A batch norm in training or in inference, or another norm; a scale and a shift."""
    make: Callable[[Draw], Case] = draw.one_of(
        *(batch_norm_training, batch_norm_inference, group_norm, layer_norm),
        *(global_response_norm, l2_norm, rms_norm, lrn, scale2d),
    )
    return make(draw)


def norm_case(draw: Draw, op: str, shape: tuple[int, ...]) -> OpCase:
    """The arrays that every norm has."""
    made = OpCase(draw, op)
    scale = draw.one_of(0.01, 1.0, 30.0)
    made.array("x", shape, scale, scale * draw.one_of(0.0, 1.0, 20.0))
    made.array("weight", shape[-1:], 0.3, 1.0)
    made.array("bias", shape[-1:])
    pixels = 1
    for size in shape[:-1]:
        pixels *= size
    made.terms = {"output": pixels, "grad_x": pixels, "grad_weight": pixels, "grad_bias": pixels}
    made.rule = "smooth(expect, arrays, {terms}, True)"
    return made


def batch_norm_training(draw: Draw) -> Case:
    """A batch norm with the statistics of the batch."""
    shape, epsilon = image_shape(draw), draw.exponent(-5, -1)
    made = norm_case(draw, "batch_norm2d", shape)
    made.array("grad", shape)
    made.calls = (
        f"output, mean, variance = ops.batch_norm2d_training(x, weight, bias, epsilon={epsilon})",
        "grad_x, grad_weight, grad_bias = ops.batch_norm2d_backward(",
        f"    grad, x, weight, mean, variance, epsilon={epsilon}",
        ")",
    )
    made.reference_calls = (
        made.calls[0],
        "grad_x, grad_weight, grad_bias = ops.batch_norm2d_backward(",
        f"    grad, x, weight, epsilon={epsilon}",
        ")",
    )
    made.forward = in_torch.nhwc(
        f"F.batch_norm({in_torch.nchw('x')}, None, None, weight, bias, True, 0.0, {epsilon})"
    )
    return made.case()


def batch_norm_inference(draw: Draw) -> Case:
    """A batch norm with given statistics."""
    shape, epsilon = image_shape(draw), draw.exponent(-5, -1)
    made = norm_case(draw, "batch_norm2d", shape)
    made.array("mean", shape[-1:])
    made.expression("variance", f"np.float32(rng.uniform(0.1, 3, {shape[-1:]}))")
    made.calls = [f"output = ops.batch_norm2d(x, weight, bias, mean, variance, epsilon={epsilon})"]
    images = in_torch.nchw("x")
    normed = f"F.batch_norm({images}, mean, variance, weight, bias, False, 0.0, {epsilon})"
    made.all_results_in_torch(f'{{"output": {in_torch.nhwc(normed)}}}')
    made.terms = {"output": 1}
    return made.case()


def group_norm(draw: Draw) -> Case:
    """A group norm of images or of rows."""
    groups = draw.integer(1, 5)
    channels = groups * draw.integer(3, 16)
    shape = (*image_shape(draw)[:3], channels) if draw.chance(0.7) else (9, channels)
    settings = {"groups": groups, "epsilon": draw.exponent(-5, -1)}
    made = norm_case(draw, "group_norm", shape)
    made.array("grad", shape)
    given = f"{groups}, epsilon={settings['epsilon']}"
    made.calls = (
        f"output = ops.group_norm(x, weight, bias, {given})",
        f"grad_x, grad_weight, grad_bias = ops.group_norm_backward(grad, x, weight, {given})",
    )
    made.forward = in_torch.group_norm("x", "weight", "bias", settings, axes=len(shape))
    return made.case()


def layer_norm(draw: Draw) -> Case:
    """A layer norm of images or of rows."""
    shape = (*image_shape(draw)[:3], draw.integer(3, 60))
    shape = shape if draw.chance(0.5) else shape[2:]
    epsilon = draw.exponent(-5, -1)
    return by_epsilon(draw, "layer_norm", shape, epsilon)


def global_response_norm(draw: Draw) -> Case:
    """A global response normalisation of images."""
    return by_epsilon(draw, "global_response_norm", image_shape(draw), draw.exponent(-6, -1))


def by_epsilon(draw: Draw, op: str, shape: tuple[int, ...], epsilon: float) -> Case:
    """A norm whose only setting is epsilon."""
    made = norm_case(draw, op, shape)
    made.array("grad", shape)
    made.calls = (
        f"output = ops.{op}(x, weight, bias, epsilon={epsilon})",
        f"grad_x, grad_weight, grad_bias = ops.{op}_backward(",
        f"    grad, x, weight, epsilon={epsilon}",
        ")",
    )
    made.forward = getattr(in_torch, op)("x", "weight", "bias", {"epsilon": epsilon})
    return made.case()


def l2_norm(draw: Draw) -> Case:
    """An L2 norm of images or of rows."""
    made = OpCase(draw, "l2_norm")
    shape = (*image_shape(draw)[:3], draw.integer(3, 60))
    shape = shape if draw.chance(0.5) else shape[2:]
    settings = {"epsilon": draw.one_of(1e-12, 1e-3, 1.0)}
    made.array("x", shape, draw.one_of(0.01, 1.0, 30.0))
    made.array("grad", shape)
    given = as_keywords(settings)
    backward = f"grad_x = ops.l2_norm_backward(grad, x{given})"
    made.calls = (f"output = ops.l2_norm(x{given})", backward)
    made.forward = in_torch.l2_norm("x", settings)
    made.terms = {"output": shape[-1], "grad_x": shape[-1]}
    made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def rms_norm(draw: Draw) -> Case:
    """An RMS norm of images or of rows."""
    made = OpCase(draw, "rms_norm")
    shape = (*image_shape(draw)[:3], draw.integer(3, 60))
    shape = shape if draw.chance(0.5) else shape[2:]
    epsilon = draw.exponent(-5, -1)
    made.array("x", shape, draw.one_of(0.01, 1.0, 30.0))
    made.array("weight", shape[-1:], 0.3, 1.0)
    made.array("grad", shape)
    made.calls = (
        f"output = ops.rms_norm(x, weight, epsilon={epsilon})",
        f"grad_x, grad_weight = ops.rms_norm_backward(grad, x, weight, epsilon={epsilon})",
    )
    made.forward = in_torch.rms_norm("x", "weight", {"epsilon": epsilon})
    rows = math.prod(shape[:-1])
    made.terms = {"output": shape[-1], "grad_x": shape[-1], "grad_weight": rows + shape[-1]}
    made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def lrn(draw: Draw) -> Case:
    """A local response normalisation."""
    made = OpCase(draw, "lrn")
    shape = (*image_shape(draw)[:3], draw.integer(1, 60))
    settings = {
        "size": draw.one_of(1, 2, 3, 5, 30),
        "alpha": draw.one_of(1e-4, 1.0),
        "beta": draw.one_of(0.5, 0.75, 1.0),
        "k": draw.one_of(1.0, 2.0),
    }
    made.array("x", shape, draw.one_of(0.1, 1.0, 20.0))
    made.array("grad", shape)
    given = as_keywords(settings)
    made.calls = (f"output = ops.lrn(x{given})", f"grad_x = ops.lrn_backward(grad, x{given})")
    made.forward = in_torch.lrn("x", settings)
    made.terms = {"output": settings["size"], "grad_x": settings["size"]}
    made.rule = "smooth(expect, arrays, {terms}, True)"
    return made.case()


def scale2d(draw: Draw) -> Case:
    """A scale and a shift of images or of rows."""
    images = image_shape(draw)
    shape = draw.one_of(images, images[2:])
    made = norm_case(draw, "scale2d", shape)
    made.array("grad", shape)
    made.calls = (
        "output = ops.scale2d(x, weight, bias)",
        "grad_x, grad_weight, grad_bias = ops.scale2d_backward(grad, x, weight)",
    )
    made.forward = "x * weight + bias"
    return made.case()


def image_shape(draw: Draw) -> tuple[int, int, int, int]:
    """Shape of three images or more.

    Of two numbers the normalised ones are -1 and 1, whose condition does not show the rounding of
    the mean.
    """
    height, width = draw.pair(1, 14)
    return draw.integer(3, 6), height, width, draw.integer(1, 60)


def losses(draw: Draw) -> Case:
    """A loss."""
    if draw.chance(0.3):
        return weighted_loss(draw)
    op = draw.one_of("cross_entropy", "binary_cross_entropy", *REGRESSION_LOSSES)
    if op == "cross_entropy":
        return cross_entropy(draw)
    rows, outputs = shape = (draw.integer(1, 40), draw.integer(1, 60))
    first, second = "prediction", "target"
    settings, delta = "", draw.exponent(-1, 1)
    if op == "binary_cross_entropy":
        first, second = "logits", "targets"
        forward = f"F.binary_cross_entropy_with_logits({first}, {second})"
    else:
        arguments = f"{first}, {second}"
        forward = REGRESSION_LOSSES[op].format(arguments=arguments, delta=delta)
        settings = f", delta={delta}" if op == "huber" else ""
    made = OpCase(draw, op)
    made.array(first, shape, draw.one_of(1.0, 10.0))
    made.expression(second, f"rng.random({shape}, dtype=np.float32)")
    made.calls = (
        f"output = ops.{op}({first}, {second}{settings})",
        f"grad_{first} = ops.{op}_backward({first}, {second}{settings})",
    )
    made.forward = forward
    made.terms = {"output": rows * outputs, f"grad_{first}": 1}
    made.rule = f"smooth(expect, arrays, {{terms}}, least={1 / (rows * outputs):.3g})"
    return made.case()


def cross_entropy(draw: Draw) -> Case:
    """A cross-entropy of labels or of soft labels."""
    rows, classes = draw.integer(1, 40), draw.integer(2, 60)
    made = OpCase(draw, "cross_entropy")
    made.array("logits", (rows, classes), draw.one_of(1.0, 10.0))
    if draw.chance(0.5):
        made.arrays["labels"] = f"rng.integers(0, {classes}, {rows})"
    else:
        made.expression("labels", f"np.float32(rng.dirichlet(np.ones({classes}), {rows}))")
    settings = {"label_smoothing": draw.one_of(0.0, 0.0, 0.1, 0.9)}
    given = f"label_smoothing={settings['label_smoothing']}"
    weighted = draw.chance(0.4) and "integers" in made.arrays["labels"]
    if weighted:
        made.expression("weights", f"np.float32(rng.uniform(0.1, 2, {classes}))")
    ours = given + (", class_weights=weights" if weighted else "")
    made.calls = (
        f"output = ops.cross_entropy(logits, labels, {ours})",
        f"grad_logits = ops.cross_entropy_backward(logits, labels, {ours})",
    )
    made.forward = "F.cross_entropy(logits, labels, " + given
    made.forward += ", weight=weights.detach())" if weighted else ")"
    made.terms = {"output": rows * classes, "grad_logits": classes}
    least = (20 if weighted else 1) / rows  # the largest weight may be twenty times the smallest
    made.rule = f"smooth(expect, arrays, {{terms}}, least={least:.3g})"
    return made.case()
