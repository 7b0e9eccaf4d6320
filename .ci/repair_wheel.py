"""Repair a wheel for Linux: copy libraries that some systems lack into it, and their licences.

    python .ci/repair_wheel.py WHEEL FOLDER

Runs auditwheel, then adds the licence texts of everything in the wheel that is not cnnx's own,
states all licences in the metadata, and lists the parts in a bill of materials (CycloneDX, where
PEP 770 puts it). The new wheel is in FOLDER. With SOURCE_DATE_EPOCH, equal wheels give equal bytes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from auditwheel.wheeltools import InWheel

LICENSES = Path(__file__).with_name("licenses")
OWN = "Apache-2.0"


class Part(NamedTuple):
    """Files of a wheel with what others wrote, the names of that, and its licence."""

    files: re.Pattern[str]
    names: tuple[str, ...]
    expression: str
    texts: tuple[str, ...]


# cnnx.wasm also contains libc++ and compiler-rt, whose exception to Apache-2.0 asks for no notice
# in compiled code.
PARTS = (
    Part(
        re.compile(r"cnnx/lib/libgomp[\w.-]*"),
        ("libgomp",),
        "GPL-3.0-or-later WITH GCC-exception-3.1",
        ("GPL-3.0.txt", "GCC-exception-3.1.txt"),
    ),
    Part(re.compile(r"cnnx/_core\.[\w.-]+"), ("pybind11",), "BSD-3-Clause", ("pybind11.txt",)),
    Part(
        re.compile(r"cnnx/lib/cnnx\.wasm"),
        ("musl", "emscripten"),
        "MIT",
        ("musl.txt", "emscripten.txt"),
    ),
)


def with_licenses(metadata: str, parts: list[Part]) -> str:
    """The wheel's METADATA with the licences of these parts, too."""
    expression = f"License-Expression: {OWN}\n"
    file = "License-File: LICENSE\n"
    if metadata.count(expression) != 1 or metadata.count(file) != 1:
        raise SystemExit(f"METADATA: expected one {expression.strip()} and one {file.strip()}")
    every = " AND ".join([OWN, *(part.expression for part in parts)])
    files = "".join(f"License-File: {text}\n" for part in parts for text in part.texts)
    metadata = metadata.replace(expression, f"License-Expression: {every}\n")
    return metadata.replace(file, file + files)


def bill_of_materials(version: str, parts: list[Part]) -> str:
    """The wheel and its parts in CycloneDX."""

    def component(name: str, expression: str) -> dict[str, Any]:
        return {"type": "library", "name": name, "licenses": [{"expression": expression}]}

    components = [component(name, part.expression) for part in parts for name in part.names]
    whole = {**component("cnnx", OWN), "version": version}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
    }
    return json.dumps(bill, indent=1) + "\n"


def add_licenses(wheel: Path, target: Path) -> None:
    """Write `target`, the wheel with the licences and the list of the parts that it has."""
    with InWheel(wheel, target) as name:
        folder = Path(name)
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
        parts = [part for part in PARTS if any(map(part.files.fullmatch, files))]
        (information,) = folder.glob("*.dist-info")
        for part in parts:
            for text in part.texts:
                shutil.copy(LICENSES / text, information / "licenses" / text)
        metadata = information / "METADATA"
        text = metadata.read_text(encoding="utf-8")
        metadata.write_text(with_licenses(text, parts), encoding="utf-8")
        bills = information / "sboms"
        bills.mkdir(exist_ok=True)
        version = information.name.split("-")[1].removesuffix(".dist")
        (bills / "cnnx.cdx.json").write_text(bill_of_materials(version, parts), encoding="utf-8")


def main() -> None:
    """Repair the wheel of the command line."""
    wheel, target = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        repair = [sys.executable, "-m", "auditwheel", "repair", "--lib-sdir", "/lib"]
        subprocess.run([*repair, "--wheel-dir", name, str(wheel)], check=True)
        (repaired,) = Path(name).glob("*.whl")
        target.mkdir(parents=True, exist_ok=True)
        add_licenses(repaired, target / repaired.name)


if __name__ == "__main__":
    main()
