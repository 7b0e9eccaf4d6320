"""Files of a history, as `cnnx.callbacks.CSVLog` and `cnnx train --log` write them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from cnnx._core import FormatError
from cnnx.arguments import path_of
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
    columns = ["epoch", *vars(History())]
    try:
        with Path(name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{name}: is no CSV file, expected a log of cnnx train") from error
    if not rows or rows[0] != columns:
        raise FormatError(
            f"{name}: its first line is none of a log, expected {','.join(columns)}; cnnx train "
            "--log and cnnx.callbacks.CSVLog write logs"
        )
    history = History()
    for number, row in enumerate(rows[1:], start=2):
        try:
            _, loss, accuracy, validation_loss, validation_accuracy, seconds = map(float, row)
        except ValueError:
            raise FormatError(
                f"{name}: line {number} is {','.join(row)!r}, expected {len(columns)} numbers"
            ) from None
        history.add((loss, accuracy), (validation_loss, validation_accuracy), seconds)
    return history
