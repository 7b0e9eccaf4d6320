"""The compiled objects: no symbol that a linker could merge across instruction sets, no libm.

The linker merges a function with external linkage that is compiled under two sets of flags into
one, and old CPUs crash on it. The sources do not show this; the symbols do.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from cpp_build import CppBuild, run

LEVELS = {"baseline", "avx2", "avx512", "neon"}
# Of kernels of integers and bfloat16 alone.
DOT_PRODUCT_LEVELS = {"avx2_vnni", "avx512_vnni", "avx512_bf16", "amx", "neon_dotprod"}
ADDED_TO_EVERY_CPU = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx2", "-mavx512bw", "-mavx512dq", "-mavx512f", "-mavx512vl", "-mfma"],
}
ADDED_TO_EVERY_CPU["avx2_vnni"] = sorted([*ADDED_TO_EVERY_CPU["avx2"], "-mavxvnni"])
ADDED_TO_EVERY_CPU["avx512_vnni"] = sorted([*ADDED_TO_EVERY_CPU["avx512"], "-mavx512vnni"])
ADDED_TO_EVERY_CPU["avx512_bf16"] = sorted([*ADDED_TO_EVERY_CPU["avx512"], "-mavx512bf16"])
ADDED_TO_EVERY_CPU["amx"] = sorted(
    [
        *ADDED_TO_EVERY_CPU["avx512_vnni"],
        *("-mavx512bf16", "-mamx-bf16", "-mamx-int8", "-mamx-tile"),
    ]
)
# Functions that a compiler may call on its own, and those of a distribution's compiler checks.
ALLOWED_UNDEFINED = {
    *("memcpy", "memmove", "memset", "memcmp"),
    *("__memcpy_chk", "__memmove_chk", "__memset_chk", "__stack_chk_fail"),
    "_GLOBAL_OFFSET_TABLE_",
}
READ_ONLY_SECTIONS = (".rodata", ".data.rel.ro", ".text")
STATIC_INITIALISERS = (".init_array", ".ctors")
# Without sqrt and the rounding functions, which are exact on every machine.
LIBM = re.compile(
    r"(a?(cos|sin|tan)h?|atan2|sincos|exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|cbrt|hypot|"
    r"erfc?|[lt]gamma|fmod|remainder)[fl]?(@.*)?"
)

pytestmark = pytest.mark.skipif(
    shutil.which("nm") is None or sys.platform != "linux", reason="needs nm and ELF objects"
)


@dataclass(frozen=True)
class Symbol:
    name: str
    kind: str  # nm's letter: upper case is external
    section: str


def symbols(path: Path) -> list[Symbol]:
    """Those of an object or of a library's objects."""
    return [symbol for each in symbols_by_object(path).values() for symbol in each]


@cache  # two tests read all kernel objects
def symbols_by_object(*paths: Path) -> dict[str, list[Symbol]]:
    """Read by one program, whose start takes longer than an object."""
    found: dict[str, list[Symbol]] = {}
    for line in run(["nm", "--format=sysv", *paths]).splitlines():
        heading = re.fullmatch(r"Symbols from (.+):", line)
        row = [field.strip() for field in line.split("|")]
        if heading:
            current = found[heading[1]] = []
        elif len(row) == 7 and row[0] != "Name":
            current.append(Symbol(row[0], row[2], row[6]))
    return found


def kernel_symbols(build: CppBuild) -> dict[str, list[Symbol]]:
    paths = [path for paths in build.kernel_objects().values() for path in paths]
    found = symbols_by_object(*paths)
    assert list(found) == list(map(str, paths))
    return found


def violations(path: Path, level: str, found: Sequence[Symbol]) -> Iterator[str]:
    """Sentences about forbidden symbols of a kernel object of this instruction set."""
    own = re.compile(rf"_ZNK?4cnnx{len(level)}{level}\w+")
    for symbol in found:
        where = f"{path.name}: {symbol.name}"
        if symbol.kind == "U":
            if symbol.name not in ALLOWED_UNDEFINED and not own.fullmatch(symbol.name):
                yield f"{where} is called, but lies outside the kernels"
        elif symbol.kind in "WwVvu":
            yield f"{where} may be merged with that of another instruction set"
        elif symbol.section.startswith(STATIC_INITIALISERS) or "_GLOBAL__sub_I" in symbol.name:
            yield f"{where} runs when the program starts"
        elif symbol.section.startswith((".data", ".bss", ".tdata", ".tbss")) and not (
            symbol.section.startswith(READ_ONLY_SECTIONS)
        ):
            yield f"{where} is mutable data"
        elif symbol.kind.isupper() and not own.fullmatch(symbol.name):
            yield f"{where} is external, but not in namespace cnnx::{level}"


def test_kernel_objects(cpp_build: CppBuild) -> None:
    objects = cpp_build.kernel_objects()
    assert "baseline" in objects
    assert set(objects) <= LEVELS | DOT_PRODUCT_LEVELS
    names = {path.name for path in objects["baseline"]}
    assert {"conv2d.cpp.o", "dense.cpp.o", "activations.cpp.o"} <= names
    of_object = kernel_symbols(cpp_build)
    for level, paths in objects.items():
        of_level = {path.name for path in paths}
        # AVX-512 alone uses AVX2's kernels of bfloat16 but for products.
        expected = names - {"bfloat16_depthwise.cpp.o"} if level == "avx512" else names
        assert of_level == expected or (level in DOT_PRODUCT_LEVELS and of_level < names)
        for path in paths:
            assert list(violations(path, level, of_object[str(path)])) == []


def test_every_kernel_object_offers_a_table(cpp_build: CppBuild) -> None:
    """An object without an external constant would make the test above vacuous."""
    of_object = kernel_symbols(cpp_build)
    for level, paths in cpp_build.kernel_objects().items():
        for path in paths:
            external = [each for each in of_object[str(path)] if each.kind in "BDGRST"]
            assert any(f"4cnnx{len(level)}{level}" in each.name for each in external), path


BAD_KERNELS = {
    "merged": "inline float twice(float x) { return x + x; }\nfloat (*const f)(float) = twice;",
    "template": "template <class T> T twice(T x) { return x + x; }\ntemplate int twice<int>(int);",
    "mutable": "namespace { int calls = 1; }\nint count() { return ++calls; }",
    "zeroed": "namespace { int calls; }\nint count() { return ++calls; }",
    "exported": "int calls = 1;",
    "initialised": "int ask();\nnamespace { const int answer = ask(); }",
    "libm": "float grow(float x) { return __builtin_expf(x); }",
    "allocates": "float* make(long n) { return new float[n]; }",
    "throws": "void fail() { throw 1; }",
    "elsewhere": "}}\nnamespace cnnx { float twice(float x) { return x + x; } namespace avx2 {",
    "no namespace": '}}\nextern "C" float same(float x) { return x; }\nnamespace a { namespace b {',
}


@pytest.mark.parametrize("sin", BAD_KERNELS)
def test_the_test_can_fail(sin: str, cpp_build: CppBuild, tmp_path: Path) -> None:
    source, target = tmp_path / "bad.cpp", tmp_path / "bad.o"
    source.write_text(f"namespace cnnx {{ namespace avx2 {{\n{BAD_KERNELS[sin]}\n}}}}\n")
    run([cpp_build.compiler, "-std=c++17", "-O0", "-fPIC", "-c", source, "-o", target])
    assert list(violations(target, "avx2", symbols(target)))


def test_a_good_kernel_passes(cpp_build: CppBuild, tmp_path: Path) -> None:
    source, target = tmp_path / "good.cpp", tmp_path / "good.o"
    source.write_text(
        "namespace cnnx { namespace avx2 { namespace {\n"
        "inline float twice(float x) { return x + x; }\n"
        "}\nstruct Table { float (*twice)(float); };\n"
        "extern const Table table;\nconst Table table = {twice};\n}}\n"
    )
    run([cpp_build.compiler, "-std=c++17", "-O2", "-fPIC", "-c", source, "-o", target])
    assert list(violations(target, "avx2", symbols(target))) == []


def test_the_library_calls_only_exact_libm_functions(cpp_build: CppBuild) -> None:
    called = {each.name for each in symbols(cpp_build.library) if each.kind == "U"}
    assert called, "nm showed nothing"
    assert sorted(name for name in called if LIBM.fullmatch(name)) == []


def test_a_libm_call_is_detected(cpp_build: CppBuild, tmp_path: Path) -> None:
    source, target = tmp_path / "bad.cpp", tmp_path / "bad.o"
    source.write_text("#include <cmath>\ndouble f(double x) { return std::pow(x, x); }\n")
    run([cpp_build.compiler, "-std=c++17", "-O2", "-c", source, "-o", target])
    assert [each.name for each in symbols(target) if LIBM.fullmatch(each.name)] == ["pow"]


def test_every_object_is_compiled_with_the_flags_that_keep_the_bits(cpp_build: CppBuild) -> None:
    library = [each for each in cpp_build.commands() if "/CMakeFiles/cnnx" in each["command"]]
    units = [each["file"] for each in library if "cnnx.dir" in each["command"]]
    assert any("unity_ops" in each for each in units)
    assert len(library) - len(units) > 50
    for each in library:
        words = each["command"].split()
        assert "-ffp-contract=off" in words, each["file"]
        for flag in ("-ffast-math", "-Ofast", "-march=native", "-flto"):
            assert flag not in words, each["file"]
        level = re.search(r"cnnx_kernels_(\w+)\.dir", each["command"])
        vector = [word for word in words if re.match(r"-m(avx|amx|fma|arch|cpu|no-)", word)]
        if level is None or platform.machine() not in ("x86_64", "AMD64"):
            assert vector == [], each["file"]
            continue
        # Restricted to the baseline before further flags are added.
        assert vector[:2] == ["-march=x86-64", "-mno-sse3"], each["file"]
        assert sorted(vector[2:]) == ADDED_TO_EVERY_CPU[level.group(1)], each["file"]
