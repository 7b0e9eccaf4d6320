"""The section of a page that makes probabilities of the scores."""

from __future__ import annotations

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.drawing.markup import Child, element, joined, table
from cnnx.drawing.page import Section
from cnnx.explain.by_hand import bar, significant
from cnnx.explain.trace import Trace
from cnnx.model.model import Model
from cnnx.model.predictions import outputs_are_independent

_MOST_CLASSES = 5


def result_section(model: Model, trace: Trace, probabilities: FloatArray | None) -> Section:
    """The scores of the most probable classes, and how they become probabilities.

    Args:
        model: the model.
        trace: its run on the image.
        probabilities: one number per label, or None for a model of values.
    """
    if probabilities is None:
        values = [
            (label, significant(value))
            for label, value in zip(trace.labels, trace.scores.output, strict=True)
        ]
        return Section("result", "The result", table(["output", "value"], values))
    order = np.argsort(-probabilities, kind="stable")[:_MOST_CLASSES]
    scores = trace.scores.output.astype(np.float64) / model.temperature
    are_independent = outputs_are_independent(model._core) or scores.size == 1
    if are_independent:
        sentence = (
            "Each score becomes a probability: 1 / (1 + e to the power of minus the score), which "
            "is near 0 for very negative scores and near 1 for large ones."
        )
        of_label = np.array([-scores[0], scores[0]]) if scores.size == 1 else scores
        header = ["probability"]
        steps = [[significant(of_label[k])] for k in order]
    else:
        sentence = (
            "Softmax makes probabilities of the scores: e to the power of each score, divided by "
            "the sum of all these powers. They are positive and add up to 1. The table subtracts "
            "the largest score first, which changes no probability."
        )
        powers = np.exp(scores - scores.max())
        header = ["e^(score - largest)", f"/ {powers.sum():.4f}"]
        steps = [[significant(scores[k]), f"{powers[k]:.4f}"] for k in order]
    divided = ""
    if model.temperature != 1:
        divided = f" / {model.temperature:.4g}"
        sentence = (
            f"The scores are divided by the model's temperature, {model.temperature:.4g}, which "
            f"fits probabilities to accuracies. {sentence}"
        )
    rows: list[list[Child]] = [
        [trace.labels[k], *step, f"{probabilities[k]:.2%}", bar(float(probabilities[k]))]
        for k, step in zip(order, steps, strict=True)
    ]
    others = len(probabilities) - len(order)
    if others and not are_independent:
        rest = 1 - float(probabilities[order].sum())
        rows.append([f"the other {others}", None, None, f"{rest:.2%}", bar(rest)])
    shown = table(["class", f"score{divided}", *header, ""], rows)
    return Section("result", "The result", joined([element("p", sentence), shown]))
