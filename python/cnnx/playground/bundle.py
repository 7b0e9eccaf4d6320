"""Joins JavaScript modules into one script, because a page of one file cannot import others.

A module imports names of files beside it, ``import { draw, erase } from "./pad.js";``, and exports
declarations, ``export function draw() {``. Top-level names are unique over all modules of a bundle.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let) )", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_NAME = re.compile(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


def bundle(entry: Path) -> str:
    """The script of a module and of all modules that it imports, each after those it needs.

    Raises:
        ValueError: if a module has another form of import or export, two modules declare the same
            name, or the script would end the HTML element around it.
    """
    parts: dict[str, str] = {}
    _visit(entry, parts, ())
    owners: dict[str, str] = {}
    for name, text in parts.items():
        for declared in _NAME.findall(text):
            if declared in owners:
                raise ValueError(f"{owners[declared]} and {name} both declare {declared}")
            owners[declared] = name
    script = "\n".join(parts.values())
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError(f"a module of {entry.name} contains </script or <!--")
    return script


def _visit(path: Path, parts: dict[str, str], above: tuple[str, ...]) -> None:
    """Add a module after its imports."""
    if path.name in above:
        raise ValueError(f"modules import each other: {' -> '.join((*above, path.name))}")
    if path.name in parts:
        return
    text = path.read_text(encoding="utf-8")
    for imported in _IMPORT.findall(text):
        _visit(path.with_name(imported), parts, (*above, path.name))
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    other = _OTHER.search(text)
    if other:
        raise ValueError(
            f'{path.name}: {other[0]!r}, expected import {{ name }} from "./file.js"; or an '
            "exported function, class or constant"
        )
    parts[path.name] = text.strip() + "\n"
