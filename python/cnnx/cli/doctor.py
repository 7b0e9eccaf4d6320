"""`cnnx doctor`: finds defects of a data set, a model or a training."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.command_lines import program
from cnnx.cli.errors import UserError, caution, sentence
from cnnx.cli.measured_set import refuse_exchanged
from cnnx.cli.outputs import check_new_page
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import add_threads, use_threads

if TYPE_CHECKING:
    from cnnx.doctor import Finding
    from cnnx.doctor.data import Examination

_EPILOG = """\
PATH is as for `cnnx train`: a folder of class subfolders, IDX or CIFAR-10 files, or an .npz.

With PATH alone the images are examined. With a MODEL, its outputs for 64 of the images are: NaN,
dead channels, layers that explode or vanish, preprocessing that does not fit, and in bfloat16
layers whose outputs need more than its 8 bits.

--train compares the first loss with that of equal probabilities, learns one batch by heart, and
suggests a learning rate, on copies of MODEL or of the network that `cnnx train` uses by default.

--labels trains three small networks, each on two thirds of the images, and lists the labels that
contradict their predictions, the most suspect first (confident learning). 50,000 images of 32 x 32
pixels take some minutes.

One line per finding: severity, check, message, the first three examples, and what to do. An error
breaks training or makes its results wrong, a warning probably harms them, a note is worth knowing.
The exit status is 1 if there are errors.

examples:
  cnnx doctor pets
  cnnx doctor pets --labels --html findings.html
  cnnx doctor pets.cnnx pets --train
  cnnx doctor pets.cnnx pets --compute-dtype bfloat16
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "doctor",
        help="find defects of a data set, a model or a training",
        description="Finds defects of a data set, a model or a training.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", type=Path, help="a saved model")
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    parser.add_argument("--train", action="store_true", help="try a training, see below")
    parser.add_argument("--labels", action="store_true", help="find wrong labels, see below")
    parser.add_argument(
        "--compute-dtype",
        choices=("float32", "bfloat16"),
        help="examine MODEL as if it computed with these numbers (default: its own)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with the images of the findings"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file at --html")
    add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings, and return 1 if there are errors."""
    from cnnx.doctor.finding import findings_json, findings_text, severity_counts

    use_threads(arguments)
    _check_places(arguments)
    inputs = {"PATH": Path(arguments.path)}
    if arguments.model is not None:
        inputs["MODEL"] = arguments.model
    if arguments.html is not None:
        check_new_page("--html", arguments.html, inputs, arguments.overwrite)
    examined = _examine(arguments)
    findings = examined.findings
    if arguments.html is not None:
        _write_page(examined, arguments)
    if arguments.json:
        print(findings_json(findings, {name.lower(): str(file) for name, file in inputs.items()}))
    else:
        if findings:
            print(findings_text(findings))
        print(f"{arguments.model or arguments.path}: {severity_counts(findings)}")
    return int(any(each.severity == "error" for each in findings))


def _check_places(arguments: argparse.Namespace) -> None:
    """Refuse a model without images, or an option that does not go with a model.

    Raises:
        UserError: if there is such a problem.
    """
    model, path = arguments.model, arguments.path
    if model is None:
        if Path(path).suffix == ".cnnx" and Path(path).is_file():
            raise UserError(
                f"{path} is a model, expected its images, too; type {program()} doctor {path} PATH"
            )
        if arguments.compute_dtype is not None:
            raise UserError(
                f"--compute-dtype needs a model; type {program()} doctor MODEL {shlex.quote(path)} "
                f"--compute-dtype {arguments.compute_dtype}"
            )
        return
    refuse_exchanged("doctor", model, path)
    if arguments.labels:
        raise UserError(
            f"--labels needs no model; type {program()} doctor {shlex.quote(path)} --labels"
        )


def _examine(arguments: argparse.Namespace) -> Examination:
    from cnnx.cli import doctor_trials
    from cnnx.doctor.data import Examination, examine
    from cnnx.doctor.finding import by_severity

    path = arguments.path
    if arguments.model is None:
        examined = examine(path, "doctor")
    else:
        found = doctor_trials.model_findings(
            arguments.model, path, train=arguments.train, compute_dtype=arguments.compute_dtype
        )
        examined = Examination(found, lambda name: None)
    findings = list(examined.findings)
    if arguments.train and arguments.model is None:
        findings += _tried("--train", lambda: doctor_trials.new_network_findings(path), findings)
    if arguments.labels:
        findings += _tried("--labels", lambda: doctor_trials.label_findings(path), findings)
    return Examination(by_severity(findings), examined.thumbnail)


def _tried(
    option: str, trial: Callable[[], list[Finding]], findings: list[Finding]
) -> list[Finding]:
    """Findings of a trial, or a warning if it fails by an error that was found before.

    Raises:
        UserError: if it fails and there are no such errors.
    """
    try:
        return trial()
    except (UserError, ValueError, OSError) as error:
        if not any(each.severity == "error" for each in findings):
            raise
        caution("doctor", f"{option} cannot run before the errors are fixed: {sentence(error)}")
        return []


def _write_page(examined: Examination, arguments: argparse.Namespace) -> None:
    from cnnx.doctor.findings_page import findings_page
    from cnnx.files.atomic_file import replace_file

    title = f"Findings in {arguments.model or arguments.path}"
    text = findings_page(title, examined.findings, examined.thumbnail)
    # Names of files may hold bytes that are no UTF-8.
    replace_file(str(arguments.html), [text.encode("utf-8", "backslashreplace")])
