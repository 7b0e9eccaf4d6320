"""`cnnx doctor`: finds defects of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cnnx.cli.outputs import check_new_file
from cnnx.cli.parser import Commands
from cnnx.cli.shared_options import add_threads, use_threads

if TYPE_CHECKING:
    from cnnx.doctor.data import Examination

_EPILOG = """\
PATH is as for `cnnx train`: a folder of class subfolders, IDX or CIFAR-10 files, or an .npz.

One line per finding: severity, check, message, the first three examples, and what to do. An error
breaks training or makes its results wrong, a warning probably harms them, a note is worth knowing.
The exit status is 1 if there are errors.

examples:
  cnnx doctor pets
  cnnx doctor pets --html findings.html
"""


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "doctor",
        help="find defects of a data set",
        description="Finds defects of a data set.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("path", metavar="PATH", help="the images, see below")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with the images of the findings"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file at --html")
    add_threads(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings, and return 1 if there are errors."""
    from cnnx.doctor.finding import findings_json, findings_text, severity_counts

    use_threads(arguments)
    if arguments.html is not None:
        check_new_file(
            "--html", arguments.html, {"PATH": Path(arguments.path)}, arguments.overwrite
        )
    examined = _examine_data(arguments)
    findings = examined.findings
    if arguments.html is not None:
        _write_page(examined, arguments)
    if arguments.json:
        print(findings_json(findings, {"path": arguments.path}))
    else:
        if findings:
            print(findings_text(findings))
        print(f"{arguments.path}: {severity_counts(findings)}")
    return int(any(each.severity == "error" for each in findings))


def _examine_data(arguments: argparse.Namespace) -> Examination:
    from cnnx.doctor.data import examine

    return examine(arguments.path, "doctor")


def _write_page(examined: Examination, arguments: argparse.Namespace) -> None:
    from cnnx.data.atomic_file import replace_file
    from cnnx.doctor.findings_page import findings_page

    title = f"Findings in {arguments.path}"
    text = findings_page(title, examined.findings, examined.thumbnail)
    replace_file(str(arguments.html), [text.encode()])
