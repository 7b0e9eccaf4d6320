"""Curves of a training, from the metrics of its epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cnnx.drawing.charts import Series, line_chart
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.page import figure
from cnnx.metric_kinds import VALIDATION, kind_of, metric_words

_PERCENTAGES = ("precision", "recall", "f1")


def history_charts(metrics: Mapping[str, Sequence[float]]) -> Markup:
    """One chart per metric with its training and validation values, and a sentence above them.

    Args:
        metrics: values of each epoch by name, as in `History`. Those of a name that begins with
            `validation_` are drawn with the training's; `seconds` become the sentence.
    """
    seconds = metrics.get("seconds", ())
    epochs = max((len(values) for values in metrics.values()), default=0)
    if epochs == 0:
        return element("p", "no epoch is finished", class_="faint")
    sentence = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    if len(seconds):
        sentence += f" in {math.fsum(seconds):.1f} s"
    names = [name for name in metrics if name not in ("seconds", "epoch")]
    shown = [name for name in names if any(map(math.isfinite, metrics[name]))]
    kinds = dict.fromkeys(name.removeprefix(VALIDATION) for name in shown)
    charts = [_chart(kind, metrics, shown) for kind in kinds]
    return joined([element("p", sentence), element("div", *charts, class_="row")])


def _chart(kind: str, metrics: Mapping[str, Sequence[float]], shown: Sequence[str]) -> Markup:
    labels = {kind: "training", f"{VALIDATION}{kind}": "validation"}
    series = [Series(label, metrics[name]) for name, label in labels.items() if name in shown]
    name, known = metric_words(kind), kind_of(kind)
    is_percentage = kind in _PERCENTAGES or (known is not None and known.is_percentage)
    form = ".2%" if is_percentage else ".4g"
    ends = ", ".join(
        f"{each.name} {each.values[-1]:{form}}" for each in series if math.isfinite(each.values[-1])
    )
    chart = line_chart(
        f"{name} by epoch",
        series,
        x="epoch",
        y=name,
        percent="y" if is_percentage else "",
    )
    return figure(chart, f"{name} after the last epoch: {ends}" if ends else name)
