"""The examples in the package's docstrings, each a doctest.

Not part of the package. `python docstring_examples.py` runs those of every module and prints a JSON
object: for each module, what its failing examples are.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import importlib.util
import inspect
import io
import json
import pkgutil
import warnings
from typing import Any

import cnnx

MODULES = sorted(
    {"cnnx"}
    | {
        module.name
        for module in pkgutil.walk_packages(cnnx.__path__, "cnnx.")
        if module.name not in ("cnnx._core", "cnnx.__main__", "cnnx._pyinstaller.hook-cnnx")
    }
)


def needed_package(module: str) -> str | None:
    """The package beside NumPy that the module imports."""
    return "sklearn" if module.startswith("cnnx.sklearn.") else None


class Finder(doctest.DocTestFinder):
    """Finder of examples, those of decorated functions included."""

    def _from_module(self, module: Any, value: Any) -> bool:
        found: bool = super()._from_module(module, inspect.unwrap(value))  # type: ignore[misc]
        return found


def examples_of(name: str) -> list[doctest.DocTest]:
    return Finder().find(importlib.import_module(name))


def failures(name: str) -> str:
    """What doctest reports of the module, "" if its examples print what they show."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in examples_of(name):
        runner.run(test, out=report.append)
    return "".join(report)


def main() -> None:
    warnings.simplefilter("error")
    # As in pyproject.toml: examples in bfloat16 also run on CPUs that emulate it.
    warnings.filterwarnings("ignore", ".*compute_dtype is 'bfloat16', but this CPU")
    found = {}
    with contextlib.redirect_stderr(io.StringIO()):  # doctest compares what they print on stdout
        for name in MODULES:
            package = needed_package(name)
            if package is None or importlib.util.find_spec(package):
                found[name] = failures(name)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
