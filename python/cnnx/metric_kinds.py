"""Metrics that a history may have: their names, the words for them, and which direction is better.

The name of a metric in a history is that of its kind, such as `loss`; of the validation set it
begins with `validation_`, and of one of several outputs with the name of that output as well:
`validation_mask_mean_iou`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

VALIDATION = "validation_"


class MetricKind(NamedTuple):
    """A kind of metrics.

    Attributes:
        name: its name.
        words: the words for it.
        brief: the same for narrow terminals.
        higher_is_better: whether a higher value is better.
        is_percentage: whether it is shown in percent.
    """

    name: str
    words: str
    brief: str
    higher_is_better: bool
    is_percentage: bool = False


_KINDS = {
    kind.name: kind
    for kind in (
        MetricKind("loss", "loss", "loss", higher_is_better=False),
        MetricKind("accuracy", "accuracy", "acc", higher_is_better=True, is_percentage=True),
        MetricKind("mean_iou", "mean IoU", "mIoU", higher_is_better=True),
        MetricKind("r2", "R2", "R2", higher_is_better=True),
        MetricKind("mean_absolute_error", "mean absolute error", "MAE", higher_is_better=False),
    )
}
# Metrics of every history, in the order of their display.
MAIN_METRICS = ("loss", "accuracy", "validation_loss", "validation_accuracy")
EXPECTED_METRICS = (
    f"{', '.join(map(repr, MAIN_METRICS))} or another of the validation set, such as "
    "'validation_mean_iou'"
)
_OF_ONE_OUTPUT = re.compile(rf"(.+)_({'|'.join(_KINDS)})", re.DOTALL)


def _parts(name: str) -> tuple[str, MetricKind] | None:
    """Name of the output, empty for all outputs, and kind of a metric without `validation_`."""
    if name in _KINDS:
        return "", _KINDS[name]
    found = _OF_ONE_OUTPUT.fullmatch(name)
    return None if found is None else (found[1], _KINDS[found[2]])


def is_metric(name: object) -> bool:
    """Whether a history may have a metric of this name."""
    return isinstance(name, str) and (name in MAIN_METRICS or is_validation_metric(name))


def is_validation_metric(name: str) -> bool:
    """Whether a history may have a metric of this name for its validation set."""
    return name.startswith(VALIDATION) and kind_of(name) is not None


def kind_of(name: str) -> MetricKind | None:
    """Kind of a metric of a history, or None for another name such as `seconds`."""
    parts = _parts(name.removeprefix(VALIDATION))
    return None if parts is None else parts[1]


def higher_is_better(name: str) -> bool:
    """Whether a higher value of a metric is better."""
    kind = kind_of(name)
    return kind is not None and kind.higher_is_better


def is_of_one_output(name: str) -> bool:
    """Whether it is a metric of one of several outputs."""
    parts = _parts(name.removeprefix(VALIDATION))
    return parts is not None and parts[0] != ""


def metric_words(name: str, *, brief: bool = False) -> str:
    """Words for a metric of a history.

    Example:
        >>> metric_words("validation_mask_mean_iou"), metric_words("validation_r2", brief=True)
        ('validation mask mean IoU', 'val R2')
    """
    parts = _parts(name.removeprefix(VALIDATION))
    if parts is None:
        return name.replace("_", " ")
    head, kind = parts
    validation = ("val" if brief else "validation") if name.startswith(VALIDATION) else ""
    return " ".join(filter(None, (validation, head, kind.brief if brief else kind.words)))
