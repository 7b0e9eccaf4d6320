"""Output files of commands: checks before the work, and the save that loses no model."""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.errors import UserError, sentence
from cnnx.files.extensions import other_format, page_instead

if TYPE_CHECKING:
    from cnnx.model.model import Model

_LOG_HEADER = b"epoch,loss,"
_EXAMPLES = {"--out": "model.cnnx", "--checkpoint": "run.ckpt", "--log": "log.csv"}


def check_output_files(arguments: argparse.Namespace) -> None:
    """Refuse output files that cannot be written, must not be overwritten or are the same.

    With --resume, `check_resumed` checks a model at --out, when the checkpoint is loaded.

    Raises:
        UserError: if there is such a file.
    """
    given = {name: getattr(arguments, name[2:]) for name in _EXAMPLES}
    given = {option: file for option, file in given.items() if file is not None}
    for option, file in given.items():
        _check_name(option, file)
        if file.is_dir():
            example = file / _EXAMPLES[option]
            raise UserError(f"{option} {file} is a folder, expected a file such as {example}")
    _check_distinct(given, {"PATH": Path(arguments.path)})
    for option, file in given.items():
        if file.exists() and not arguments.overwrite and not _may_be_own(option, file, arguments):
            _refuse_existing(option, file)
        _check_folder(option, file)


def check_new_file(option: str, file: Path, inputs: dict[str, Path], overwrite: bool) -> None:
    """Refuse an output file that cannot be written, exists or is one of the inputs.

    Raises:
        UserError: if it is such a file.
    """
    if file.is_dir():
        raise UserError(f"{option} {file} is a folder, expected a file")
    for name, its_file in inputs.items():
        if _is_same(file, its_file):
            raise UserError(
                f"{option} {file} and {name} {its_file} are the same file; choose another {option}"
            )
    if file.exists() and not overwrite:
        _refuse_existing(option, file)
    _check_folder(option, file)


def check_new_model(out: Path, inputs: dict[str, Path], overwrite: bool) -> None:
    """Refuse a model at --out as `check_new_file` does, or with the extension of another format.

    Raises:
        UserError: if it is such a file.
    """
    _check_name("--out", out)
    check_new_file("--out", out, inputs, overwrite)


def check_new_onnx(out: Path, inputs: dict[str, Path], overwrite: bool) -> None:
    """Refuse an ONNX file at --out as `check_new_model` does a model.

    Raises:
        UserError: if it is such a file.
    """
    check_new_file("--out", out, inputs, overwrite)
    form = "cnnx" if out.suffix.lower() == ".cnnx" else other_format(str(out))
    if form not in (None, "ONNX"):
        raise UserError(
            f"--out {out} has the extension of {form}, but cnnx export writes ONNX; type --out "
            f"{out.with_suffix('.onnx')}"
        )


def check_new_page(option: str, file: Path, inputs: dict[str, Path], overwrite: bool) -> None:
    """Refuse a page as `check_new_file` does, or with the extension of another format.

    Raises:
        UserError: if it is such a file.
    """
    check_new_file(option, file, inputs, overwrite)
    if own := page_instead(str(file)):
        raise UserError(f"{option} {file} is no name of a page in HTML; type {option} {own}")


def check_resumed(arguments: argparse.Namespace, model: Model) -> None:
    """Refuse to replace a file by the model of a resumed run, unless it holds that model.

    Args:
        arguments: command line.
        model: model of the checkpoint.

    Raises:
        UserError: if --out is the checkpoint, or holds anything else and --overwrite is not given.
    """
    import cnnx

    out = arguments.out
    _check_distinct({"--out": out}, {"--resume": arguments.resume})
    if arguments.overwrite or not out.exists():
        return
    try:
        is_own = _unfrozen(cnnx.load(out)) == _unfrozen(model)
    except (ValueError, OSError):
        is_own = False
    if not is_own:
        _refuse_existing("--out", out)


def _unfrozen(model: Model) -> bytes:
    """Bytes of a model without frozen layers, which fine-tuning has only while it runs."""
    copy = model.clone()
    copy.unfreeze("*")
    return pickle.dumps(copy)


def save_model(model: Model, out: Path, overwrite: bool) -> Path:
    """Save the model and return its path.

    `check_output_files` checks `out` before training, but it may have become unusable since. The
    model is then saved in a new folder of its own, so that it is not lost.

    Raises:
        UserError: if `out` cannot be written; the message names the other path.
    """
    if os.path.lexists(out) and not overwrite:
        out = free_name(out)
    try:
        replace_model(model, out)
    except OSError as error:
        fallback = Path(tempfile.mkdtemp(prefix="cnnx-")) / out.name
        model.save(fallback)
        raise UserError(
            f"{out} could not be written ({sentence(error)}); the model is in {fallback} instead"
        ) from error
    return out


def replace_model(model: Model, out: Path) -> None:
    """Save the model at --out, whatever the file held before: --overwrite asks for that."""
    from cnnx.model.model import replace

    replace(model, os.fspath(out))


def free_name(path: Path) -> Path:
    """`path`, or the first unused path with a number, such as model-2.cnnx."""
    number = 2
    free = path
    while os.path.lexists(free):
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _check_name(option: str, file: Path) -> None:
    """Refuse a name that promises a stream or the format of another program."""
    example = _EXAMPLES[option]
    if str(file) == "-":
        raise UserError(f"{option} - is no file; type {option} {example}")
    form = other_format(str(file))
    if form is not None and option != "--log":
        own = file.with_suffix(Path(example).suffix)
        raise UserError(
            f"{option} {file} has the extension of {form}, but cnnx writes its own format; "
            f"type {option} {own}"
        )


def _check_distinct(outputs: dict[str, Path], inputs: dict[str, Path]) -> None:
    """Refuse two outputs in one file, and an output that would replace an input."""
    seen = dict(inputs)
    for option, file in outputs.items():
        for other, its_file in seen.items():
            if _is_same(file, its_file):
                raise UserError(
                    f"{option} {file} and {other} {its_file} are the same file; type {option} "
                    f"{_other_name(file, option)}"
                )
        seen[option] = file


def _is_same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)


def _may_be_own(option: str, file: Path, arguments: argparse.Namespace) -> bool:
    """Whether a resumed run may have written the file; `check_resumed` checks models."""
    if arguments.resume is None:
        return False
    if option == "--log":
        with file.open("rb") as log:
            return log.read(len(_LOG_HEADER)) == _LOG_HEADER
    return option == "--out"


def _other_name(file: Path, option: str) -> Path:
    """Name beside `file` with the extension of the option's files, other than `file`."""
    example = Path(_EXAMPLES[option])
    names = (file.with_suffix(example.suffix), file.with_name(example.name))
    return next((name for name in names if name != file), free_name(file))


def _refuse_existing(option: str, file: Path) -> None:
    """Say how to replace the existing file of an option, or to keep it.

    Raises:
        UserError: always.
    """
    if option == "--checkpoint":
        raise UserError(
            f"{file} exists; resume it with --resume {file}, or add --overwrite to replace it"
        )
    raise UserError(f"{file} exists; add --overwrite to replace it or choose another {option}")


def _check_folder(option: str, file: Path) -> None:
    """Refuse an output file whose folder does not exist or is not writable."""
    if not file.parent.is_dir():
        raise UserError(f"{option} {file}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UserError(f"{option} {file}: the folder {file.parent} is not writable")
