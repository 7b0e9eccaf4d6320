"""Kinds of files that cnnx writes, and the refusal to replace a file of another kind by one.

A table of labels at the path of a log, or a model at that of its report, would be lost for good.
"""

from __future__ import annotations

import enum
import os
from contextlib import suppress
from pathlib import Path

from cnnx.arguments import shown

_LONGEST_HEADER = 1 << 24  # bytes


class FileKind(enum.Enum):
    """A kind of file, with its name for users."""

    MODEL = "a model of cnnx"
    CHECKPOINT = "a checkpoint of cnnx"
    ONNX = "an ONNX file"
    PAGE = "an HTML page"
    LOG = "a log of a training"


def refuse_other_kind(path: str, kind: FileKind, argument: str) -> None:
    """Refuse to replace a file that holds something, but nothing of this kind.

    Args:
        path: file that will be written.
        kind: kind of what will be written.
        argument: function and argument for the error, such as "write: path".

    Raises:
        FileExistsError: if it is such a file.
    """
    start, header = b"", b""
    with suppress(OSError):  # which the writer meets as well
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                start = file.read(64)
                if start[8:9] == b"{":  # of a safetensors file
                    file.seek(8)
                    header = file.read(min(int.from_bytes(start[:8], "little"), _LONGEST_HEADER))
    if start != b"" and not _matches(start, header, kind):
        raise FileExistsError(
            f"{argument} is {shown(os.fspath(path))}, which exists and is not {kind.value}: choose "
            "another path, or remove that file first"
        )


def _matches(start: bytes, header: bytes, kind: FileKind) -> bool:
    """Whether a file's first bytes, and its header if it is a safetensors file, are of a kind."""
    if kind in (FileKind.MODEL, FileKind.CHECKPOINT):
        is_checkpoint = b'"cnnx.notes"' in header
        return b'"cnnx.graph"' in header and is_checkpoint == (kind is FileKind.CHECKPOINT)
    if kind is FileKind.ONNX:
        return start[:1] == b"\x08" and not header  # a protobuf message whose first field is 1
    if kind is FileKind.PAGE:
        return start.lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return start.startswith(b"epoch,loss,")
