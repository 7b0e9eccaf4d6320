"""The C interface only grows: what c_interface.txt lists keeps its signature, layout and value.

A new function, struct or constant is added to the file; nothing in it is ever changed. Until 1.0 a
change of it must be in the CHANGELOG, with the old and the new line.
"""

from __future__ import annotations

import re
from pathlib import Path

from c_functions import header

LISTED = Path(__file__).with_name("c_interface.txt")


def without_name(parameter: str) -> str:
    """`const float* x` as `const float*`."""
    return re.sub(r"(?<=[\w*] )\w+$|(?<=\*)\w+$", "", parameter.strip()).strip()


def functions(text: str) -> list[str]:
    """Signatures without the names of parameters."""
    found = []
    for result, name, parameters in re.findall(r"CNNX_API (.*?)(\w+)\((.*?)\);", text):
        types = ", ".join(map(without_name, parameters.split(",")))
        found.append(f"{result.strip()} {name}({types})")
    return found


def structs(text: str) -> list[str]:
    """Structs with their members in order."""
    pattern = r"typedef struct (\w+) \{ (.*?) \}"
    return [f"struct {name} {{ {members} }}" for name, members in re.findall(pattern, text)]


def constants(text: str) -> list[str]:
    """Values of enumerators."""
    return [f"{name} = {value}" for name, value in re.findall(r"(CNNX_\w+) = (\d+)", text)]


def interface() -> list[str]:
    text = re.sub(r"\s+", " ", header())
    return [*functions(text), *structs(text), *constants(text)]


def test_the_interface_is_read_whole() -> None:
    found = interface()
    assert "cnnx_status cnnx_model_load(const char*, cnnx_model**)" in found
    assert "const char* cnnx_version(void)" in found
    assert "CNNX_FORMAT_ERROR = 2" in found
    assert [line for line in found if line.startswith("struct cnnx_image { const void* pixels;")]
    assert len(functions(re.sub(r"\s+", " ", header()))) == header().count("CNNX_API")


def test_what_is_listed_stays() -> None:
    listed = LISTED.read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if line not in interface()] == []


def test_everything_is_listed() -> None:
    listed = LISTED.read_text(encoding="utf-8").splitlines()
    assert [line for line in interface() if line not in listed] == []
