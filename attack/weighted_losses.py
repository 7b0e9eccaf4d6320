"""Cases of losses in a trainer whose rows have weights."""

from __future__ import annotations

from typing import NamedTuple

from attack.case import Case, Draw
from attack.op_case import OpCase


class Loss(NamedTuple):
    """A drawn loss.

    Attributes:
        kind: name in the reference.
        settings: arguments in cnnx.
        torch: loss of every row times the weight of its class in PyTorch, an expression of the
            outputs `z` and `target`.
        target: expression of the targets.
        class_weight: expression of the class weights, or "".
    """

    kind: str
    settings: str
    torch: str
    target: str
    class_weight: str = ""


NAMES = {
    "cross_entropy": "CrossEntropy",
    "binary_cross_entropy": "BinaryCrossEntropy",
    "mean_squared_error": "MSE",
    "mean_absolute_error": "L1",
    "huber": "Huber",
}


def weighted_loss(draw: Draw) -> Case:
    """The loss of a dense layer in a trainer, with a weight per row, and its gradients."""
    rows, inputs, outputs = draw.integer(1, 40), draw.integer(1, 20), draw.integer(2, 30)
    loss = drawn_loss(draw, rows, outputs)
    made = OpCase(draw, f"{loss.kind} with sample weights")
    made.expression("x", f"rng.random({(rows, inputs)}, dtype=np.float32)")
    made.array("weight", (inputs, outputs))
    made.array("bias", (outputs,))
    made.arrays["target"] = loss.target
    zeros = draw.one_of(0.0, 0.3)
    used = f"(rng.random({rows}) >= {zeros})"
    made.expression("row_weight", f"np.float32(rng.gamma(1.0, size={rows}) * {used} + 1e-3)")
    factors = "row_weight"
    if loss.class_weight:
        made.arrays["class_weight"] = loss.class_weight
        factors += " * class_weight[target]"
    made.calls = (
        f"layers = [cnnx.Flatten(), cnnx.Dense({outputs})]",
        f"model = cnnx.Model(layers, input_shape=(1, 1, {inputs}))",
        "model.parameters['dense_1.weight'], model.parameters['dense_1.bias'] = weight, bias",
        f"trainer = cnnx.Trainer(model, loss=cnnx.{NAMES[loss.kind]}({loss.settings}))",
        f"x = np.reshape(x, ({rows}, 1, 1, {inputs}))",
        "output = trainer.compute_gradients(x, target, sample_weight=row_weight)",
        f"grad_weight = trainer.gradients[:{inputs * outputs}].reshape({(inputs, outputs)})",
        f"grad_bias = trainer.gradients[{inputs * outputs}:]",
    )
    made.reference_calls = (
        "z = x @ weight + bias",
        f"factors = {factors}",
        "factors = factors / factors.sum()",
        f"given = [(z[i : i + 1], target[i : i + 1]) for i in range({rows})]",
        f"losses = [ops.{loss.kind}(*each, {loss.settings}) for each in given]",
        "output = np.dot(factors, losses)",
        f"rows = [ops.{loss.kind}_backward(*each, {loss.settings})[0] for each in given]",
        "grad = np.stack(rows) * factors[:, np.newaxis]",
        "grad_weight, grad_bias = x.T @ grad, grad.sum(axis=0)",
    )
    made.forward = f"(lambda z: (row_weight * {loss.torch}).sum() / ({factors}).sum())"
    made.forward += "(x @ weight + bias)"
    terms = rows * outputs
    made.terms = {"output": terms, "grad_weight": terms, "grad_bias": terms}
    made.rule = "smooth(expect, arrays, {terms}, mixed=True, least=1.0)"
    return made.case()


def drawn_loss(draw: Draw, rows: int, outputs: int) -> Loss:
    """A loss with its settings."""
    kind = draw.one_of(*NAMES)
    values = f"rng.random({(rows, outputs)}, dtype=np.float32)"
    if kind == "cross_entropy":
        return drawn_cross_entropy(draw, rows, outputs)
    if kind == "huber":
        delta = draw.exponent(-1, 1)
        torch = f"F.huber_loss(z, target, delta={delta}, reduction='none').mean(dim=1)"
        return Loss(kind, f"delta={delta}", torch, values)
    function = {
        "binary_cross_entropy": "F.binary_cross_entropy_with_logits",
        "mean_squared_error": "F.mse_loss",
        "mean_absolute_error": "F.l1_loss",
    }[kind]
    return Loss(kind, "", f"{function}(z, target, reduction='none').mean(dim=1)", values)


def drawn_cross_entropy(draw: Draw, rows: int, outputs: int) -> Loss:
    """A cross-entropy of labels, with class weights or without, or of soft labels."""
    smoothing = draw.one_of(0.0, 0.1, 0.9)
    settings = f"label_smoothing={smoothing}"
    torch = f"F.cross_entropy(z, target, reduction='none', {settings}"
    if draw.chance(0.3):
        soft_labels = f"np.float32(rng.dirichlet(np.ones({outputs}), {rows}))"
        return Loss("cross_entropy", settings, f"{torch})", soft_labels)
    labels, class_weight = f"rng.integers(0, {outputs}, {rows})", ""
    if draw.chance(0.6):
        class_weight = f"np.float32(rng.uniform(0.1, 2, {outputs}))"
        settings += ", class_weights=class_weight"
        torch += ", weight=class_weight.detach()"
    return Loss("cross_entropy", settings, f"{torch})", labels, class_weight)
