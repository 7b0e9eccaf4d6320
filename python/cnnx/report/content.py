"""The content of a report, and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnx.drawing.curves import history_charts
from cnnx.drawing.markup import Child, Markup, element, joined, table
from cnnx.drawing.page import Section, page
from cnnx.model.model import Model
from cnnx.model.model_figure import layer_table, model_graph, model_sentence
from cnnx.report.measured import Measured
from cnnx.training.history import History


@dataclass(frozen=True)
class Content:
    """Everything that a report shows.

    Attributes:
        title: title of the page.
        model: the model.
        measured: what was measured of it.
        history: metrics of the training's epochs, or None.
        settings: settings of the training by name.
        environment: machine and versions that the evaluation was computed with.
        commands: command lines that repeat the training and the report.
    """

    title: str
    model: Model
    measured: Measured
    environment: Mapping[str, Any]
    history: History | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    commands: Sequence[str] = ()


def report_page(content: Content) -> str:
    """The page of a report."""
    measured = content.measured
    first, *others = measured.sections
    sections = [
        first,
        Section("curves", "Training curves", _curves(content.history)),
        *others,
        Section("network", "Network", _network(content.model)),
        Section("findings", "Findings of the doctor", _findings(measured)),
        Section("reproduce", "How to reproduce", _reproduction(content)),
    ]
    return page(content.title, f"{measured.summary}.", sections)


def _curves(history: History | None) -> Markup:
    if history is None:
        return element("p", "The report was written without a history of epochs.", class_="faint")
    return history_charts(vars(history))


def _network(model: Model) -> Markup:
    core = model._core
    return joined(
        [
            element("p", f"{model_sentence(core)}."),
            model_graph(core),
            element("h3", "Layers"),
            layer_table(core),
        ]
    )


def _findings(measured: Measured) -> Markup:
    findings = measured.findings
    if findings is None:
        return element("p", "The evaluation has no images to examine.", class_="faint")
    scope = element("p", measured.examined, class_="faint")
    if not findings:
        return joined([element("p", "no findings"), scope])
    rows = [
        (
            element("span", each.severity, class_=each.severity),
            each.check,
            each.sentence,
        )
        for each in findings
    ]
    return joined([table(("severity", "check", "finding"), rows), scope])


def _reproduction(content: Content) -> Markup:
    parts: list[Child] = []
    if content.commands:
        parts += [element("h3", "Commands"), element("pre", "\n".join(content.commands))]
    if content.settings:
        rows = [(name, _text(value)) for name, value in content.settings.items()]
        parts += [element("h3", "Settings"), table(("setting", "value"), rows)]
    rows = [(name, str(value)) for name, value in content.environment.items()]
    return joined([*parts, element("h3", "Versions and machine"), table(("part", "value"), rows)])


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
