"""The Python reference of the site: a page for every public name, with its members and types."""

from __future__ import annotations

import inspect
import re
import sys
import types
from pathlib import Path

import cnnx
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.generators import python_reference  # noqa: E402


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Texts of the pages by file name."""
    folder = tmp_path_factory.mktemp("reference")
    python_reference.write(folder)
    return {path.name: path.read_text("utf-8") for path in (folder / "python").iterdir()}


def public_names() -> list[str]:
    """Full names of everything public, modules excepted."""
    found = []
    for name in cnnx.__all__:
        value = getattr(cnnx, name)
        if isinstance(value, types.ModuleType):
            for each in getattr(value, "__all__", None) or functions(value):
                found.append(f"cnnx.{name}.{each}")
        else:
            found.append(f"cnnx.{name}")
    return found


def functions(module: types.ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if inspect.isfunction(value)]


def test_every_public_name_is_described_once(pages: dict[str, str]) -> None:
    directives = r"^\.\. (?:auto\w+|py:data):: (.*)$"
    described = re.findall(directives, "\n".join(pages.values()), re.MULTILINE)
    assert sorted(described) == sorted(public_names())
    assert len(described) > 250
