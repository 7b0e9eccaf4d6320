"""`cnnx compare`: two saved models on the same images."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError
from cnnx.cli.measured_set import (
    SETS_NOTE,
    add_command,
    add_reading_options,
    evaluated,
    loaded,
    measured_set,
    refuse_exchanged,
)
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import use_threads
from cnnx.wording import counted

if TYPE_CHECKING:
    from cnnx.evaluation import Comparison, Evaluation

_EPILOG = f"""\
Both models must have the same classes. Their images may have different sizes.

{SETS_NOTE}

Intervals are 95% bootstrap intervals over the images; that of the difference draws the predictions
of both models together. McNemar's exact test counts the images that only one of the models
classifies correctly. p is the probability of a difference as large as this if both had the same
accuracy.

examples:
  cnnx compare pets.cnnx pets-2.cnnx pets
  cnnx compare pets.cnnx pets-2.cnnx pets --json | jq .mcnemar.p_value
"""
_CLASSES_SHOWN = 20
_IMAGES_SHOWN = 10


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = add_command(
        commands,
        "compare",
        run,
        ("first", "second"),
        summary="compare two models on the same images",
        description="Compares the accuracies of two saved models on the same labelled images.",
        epilog=_EPILOG,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the accuracies, their difference, and where the models differ."""
    from cnnx.cli.classifier import Classifier
    from cnnx.evaluation import Comparison

    use_threads(arguments)
    refuse_exchanged("compare", arguments.second, arguments.path)
    first, second = Classifier(arguments.first), Classifier(arguments.second)
    second.require_one_class()
    if first.names != second.names:
        raise UserError(
            f"{second.path} has the classes {', '.join(second.names)}, expected those of "
            f"{first.path}, {', '.join(first.names)}"
        )
    images = measured_set(first, arguments)
    of_first = loaded(first, images)
    shape, resize = second.model.input_shape, second.model.preprocessing.resize
    is_same = (shape, resize) == (first.model.input_shape, first.model.preprocessing.resize)
    of_second = of_first if is_same else images.load(shape, resize)
    comparison = Comparison(evaluated(first, of_first), evaluated(second, of_second))
    files = (str(arguments.first), str(arguments.second))
    if arguments.json:
        print(json.dumps(_as_dict(comparison, files, images.name), allow_nan=False))
    else:
        print(_text(comparison, files, images.name))
    return 0


def _as_dict(comparison: Comparison, files: tuple[str, str], name: str) -> dict[str, Any]:
    from dataclasses import asdict

    models = [
        {
            "file": file,
            "accuracy": each.accuracy,
            "accuracy_interval": list(each.confidence_interval("accuracy")),
            "loss": each.loss,
            "macro_f1": each.macro_average.f1,
        }
        for file, each in zip(files, (comparison.first, comparison.second), strict=True)
    ]
    return {
        "images": name,
        "count": comparison.first.count,
        "models": models,
        "accuracy_difference": comparison.accuracy_difference,
        "accuracy_difference_interval": list(comparison.difference_interval()),
        "level": 0.95,
        "mcnemar": asdict(comparison.mcnemar),
        "per_class": [asdict(each) for each in comparison.per_class],
        "most_different": [
            {
                "index": int(index),
                "name": None if comparison.first.names is None else comparison.first.names[index],
                "label": comparison.first.classes[comparison.first.labels[index]],
                "distance": float(comparison.distances[index]),
                "predicted": [
                    each.classes[each.predicted[index]]
                    for each in (comparison.first, comparison.second)
                ],
            }
            for index in comparison.most_different(_IMAGES_SHOWN)
        ],
    }


def _text(comparison: Comparison, files: tuple[str, str], name: str) -> str:
    from cnnx.evaluation.as_text import accuracy_text

    first, second = comparison.first, comparison.second
    width = max(map(len, files))
    low, high = comparison.difference_interval()
    test = comparison.mcnemar
    totals = [
        f"{counted(first.count, 'image')} of {name}",
        f"{files[0]:{width}}  accuracy {accuracy_text(first)}",
        f"{files[1]:{width}}  accuracy {accuracy_text(second)}",
        f"difference {_points(comparison.accuracy_difference)} percentage points "
        f"(95% interval {_points(low)} to {_points(high)})",
        f"McNemar's test: {test.only_first:,} correct in the first model alone, "
        f"{test.only_second:,} in the second alone, p = {test.p_value:.4g}",
    ]
    return "\n\n".join(["\n".join(totals), _class_text(comparison), _image_text(comparison)])


def _class_text(comparison: Comparison) -> str:
    """Recall and F1 of the classes, or of those that differ most if there are many."""
    classes = comparison.per_class
    title = "class"
    if len(classes) > _CLASSES_SHOWN:
        most = sorted(classes, key=lambda each: -abs(each.second_f1 - each.first_f1))
        classes = tuple(most[:_CLASSES_SHOWN])
        title = f"{_CLASSES_SHOWN} classes that differ most"
    width = max(len(title), *(len(each.name) for each in classes))
    lines = [f"{title:{width}}  images  recall 1  recall 2    F1 1    F1 2  F1 difference"]
    for each in classes:
        lines.append(
            f"{each.name:{width}}  {each.count:6,}  {each.first_recall:8.4f}  "
            f"{each.second_recall:8.4f}  {each.first_f1:.4f}  {each.second_f1:.4f}  "
            f"{signed(each.second_f1 - each.first_f1, 4):>13}"
        )
    return "\n".join(lines)


def _image_text(comparison: Comparison) -> str:
    """The images whose probabilities differ most."""
    first, second = comparison.first, comparison.second
    rows = [("images that differ most", "label", "prediction 1", "prediction 2")]
    for index in comparison.most_different(_IMAGES_SHOWN):
        rows.append(
            (
                f"image {index}" if first.names is None else first.names[index],
                first.classes[first.labels[index]],
                _prediction(first, index),
                _prediction(second, index),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _prediction(evaluation: Evaluation, index: Any) -> str:
    """Predicted class and its probability."""
    name = evaluation.classes[evaluation.predicted[index]]
    return f"{name} {evaluation.confidence[index]:.2f}"


def _points(difference: float) -> str:
    return signed(100 * difference, 2)


def signed(value: float, decimals: int) -> str:
    """A number with its sign, which is + for one that is rounded to 0."""
    return f"{round(value, decimals) + 0.0:+.{decimals}f}"
