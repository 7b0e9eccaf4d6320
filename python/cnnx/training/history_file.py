"""Files of a history, as `cnnx.callbacks.CSVLog` and `cnnx train --log` write them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from cnnx._core import FormatError
from cnnx.arguments import path_of
from cnnx.metric_kinds import is_validation_metric
from cnnx.training.history import History


def read_history(path: str | os.PathLike[str], function: str = "read_history") -> History:
    """Read the metrics of every epoch from a CSV file.

    Args:
        path: the file.
        function: named in errors about the path itself.

    Raises:
        FormatError: if the file is no log of cnnx.
        OSError: if it cannot be read.
    """
    name = path_of(path, function)
    main = ["epoch", *vars(History())]
    try:
        with Path(name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{name}: is no CSV file, expected a log of cnnx train") from error
    columns = rows[0] if rows else []
    further = columns[len(main) :]
    is_log = columns == list(dict.fromkeys([*main, *further]))
    if not is_log or not all(map(is_validation_metric, further)):
        raise FormatError(
            f"{name}: its first line is none of a log, expected {','.join(main)}; cnnx train "
            "--log and cnnx.callbacks.CSVLog write logs"
        )
    epochs = [_numbers(name, number, row, len(columns)) for number, row in enumerate(rows[1:], 2)]
    values = zip(*epochs, strict=True) if epochs else [()] * len(columns)
    _, *of_metrics = values
    return History.of(dict(zip(columns[1:], of_metrics, strict=True)))


def _numbers(name: str, line: int, row: list[str], columns: int) -> list[float]:
    try:
        numbers = [float(each) for each in row]
    except ValueError:
        numbers = []
    if len(numbers) != columns:
        raise FormatError(f"{name}: line {line} is {','.join(row)!r}, expected {columns} numbers")
    return numbers
