"""The architecture rules, checked on the sources: components, names, openings, calls.

Not part of the package. A rule is a function from the root of a tree to sentences about violations.
test_kernel_symbols.py has the checks that need compiled objects.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

CPP_COMPONENTS = ("kernels", "runtime", "data", "ops", "graph", "training", "io", "c_api")
PYTHON_COMPONENTS = (
    ("_core",),
    ("advice", "arguments", "cmake_folder", "foreign_names", "launcher", "mapping", "metric_kinds"),
    ("batch_arguments", "files", "spelling", "wording"),
    ("drawing", "preprocessing", "recipe", "runtime"),
    ("distributed",),
    ("layers",),
    ("data",),
    ("model",),
    ("training",),
    ("losses", "models", "ops", "metrics", "weights"),
    ("doctor", "evaluation", "explain", "onnx"),
    ("callbacks", "playground", "plot", "quantization", "report"),
    ("_pyinstaller", "cli", "sklearn"),
)
PYTHON_LEVEL = {name: level for level, names in enumerate(PYTHON_COMPONENTS) for name in names}

C_HEADERS = {
    *("float.h", "limits.h", "math.h", "stddef.h", "stdint.h", "string.h"),
    *("immintrin.h", "arm_neon.h"),
}
# The list of layer kinds that CMake writes into the build folder.
GENERATED_HEADERS = {"cnnx_layer_list.inc"}

# A file that breaks a rule with a reason states it in its first lines.
REASON_LINES = 10

LIBM = (
    "a?(cos|sin|tan)h?|atan2|sincos|exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|cbrt|hypot|erfc?|"
    "[lt]gamma"
)
# Per rule, exceptions in C++ code and the reason.
FORBIDDEN_IN_CPP = (
    (rf"(\bstd::|(?<![\w:])::)({LIBM})[fl]?\s*\(", (), "libm differs between machines"),
    (rf"\b(__builtin_)({LIBM})[fl]?\s*\(|\b({LIBM})f\s*\(", (), "libm differs between machines"),
    (
        r"\b(std::)?fmaf?\s*\(|__builtin_fma|_mm\d*_f(n?m)(add|sub)|_vfn?m(add|sub)|\bvfm[as]q?_",
        ("src/kernels/simd.h", "src/kernels/x86.h"),
        "fuse through fused_multiply_add",
    ),
    (r"#\s*include\s*<random>|\bs?rand\s*\(", (), "random numbers come from Philox"),
    (
        r"\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|perror)\s*\(",
        (),
        "the library never prints",
    ),
    (r"\b(abort|_?exit|quick_exit|terminate)\s*\(", (), "the library never ends the program"),
    (r"\b(assert)\s*\(|#\s*include\s*<cassert>", (), "errors are exceptions"),
    (
        r"#\s*pragma\s+omp\b|\bomp_\w+\s*\(",
        ("src/runtime/thread_place.cpp",),
        "threads have one seam",
    ),
    (
        r"\bgil_scoped_release\b",
        (),
        "at the interpreter's end it would end the program: take ReleaseGil",
    ),
    (r"\bmod_gil_not_used\b", (), "free-threaded Python is declared only when it is tested"),
)
FORBIDDEN_FLAGS = re.compile(
    r"-ffast-math|-Ofast|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|"
    r"-march=native|-mtune=native|-mcpu=native|-flto\b|INTERPROCEDURAL_OPTIMIZATION\s+(ON|TRUE)"
)
SOURCE_FOLDERS = ("cpp", "python", "tests", "attack", "fuzz", "benchmarks", "examples")
NAMES_THAT_SAY_NOTHING = {"utils", "util", "utilities", "helpers", "helper", "misc", "common"}
OPTIONAL_PACKAGES = {
    *(
        "PIL",
        "tqdm",
        "matplotlib",
        "mpi4py",
        "onnx",
        "shtab",
        "sklearn",
        "tensorboardX",
        "threadpoolctl",
    ),
}
# Components whose `__init__` loads their other modules when a name of them is used.
LOADED_ON_USE = {"sklearn"}


def files(root: Path, folder: str, *suffixes: str) -> Iterator[tuple[str, Path]]:
    """(path from the root, path) of the files with these suffixes, except hidden ones."""
    for path in sorted((root / folder).rglob("*")):
        inside = path.relative_to(root)
        hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
        if path.is_file() and not hidden and (not suffixes or path.suffix in suffixes):
            yield inside.as_posix(), path


def sources(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in SOURCE_FOLDERS:
        yield from files(root, folder, ".cpp", ".c", ".h", ".py", ".pyi")


@functools.cache
def syntax_tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file, which must not change."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def code(path: Path) -> str:
    """C++ without comments and string literals, of a file that must not change."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r'(?<!include )"(\\.|[^"\\\n])*"', '""', text)


def includes(path: Path) -> Iterator[tuple[str, bool]]:
    """(included file, whether in quotes)."""
    pattern = r'^\s*#\s*include\s*([<"])([^>"]+)[>"]'
    for bracket, name in re.findall(pattern, code(path), flags=re.MULTILINE):
        yield name, bracket == '"'


# The rules ----------------------------------------------------------------------------------------


def cpp_includes_only_its_own_component_or_below(root: Path) -> Iterator[str]:
    for level, component in enumerate(CPP_COMPONENTS):
        below = CPP_COMPONENTS[: level + 1]
        for name, path in files(root, f"cpp/src/{component}"):
            for included, quoted in includes(path):
                folder = included.split("/")[0]
                if quoted and folder not in (*below, "cnnx") and included not in GENERATED_HEADERS:
                    yield f"{name} includes {included}, above {component}"
    for name, _ in files(root, "cpp/src"):
        if name.split("/")[2] not in CPP_COMPONENTS:
            yield f"{name} is in no component"


def public_headers_include_only_public_headers_and_the_standard_library(
    root: Path,
) -> Iterator[str]:
    for name, path in files(root, "cpp/include"):
        for included, quoted in includes(path):
            if quoted:
                good = included.startswith("cnnx/")
            elif path.name == "c_api.h":
                good = included in C_HEADERS
            else:
                good = re.fullmatch("[a-z_]+", included) is not None
            if not good:
                yield f"{name} includes {included}"


def kernels_include_only_c_headers_intrinsics_and_kernels(root: Path) -> Iterator[str]:
    for name, path in files(root, "cpp/src/kernels"):
        for included, quoted in includes(path):
            allowed = included.startswith("kernels/") if quoted else included in C_HEADERS
            if not allowed:
                yield f"{name} includes {included}"


def bindings_include_only_public_headers(root: Path) -> Iterator[str]:
    for name, path in files(root, "cpp/bindings", ".cpp", ".h"):
        for included, quoted in includes(path):
            if quoted and "/" in included and not included.startswith("cnnx/"):
                yield f"{name} includes {included}"


def imported_modules(tree: ast.AST, module: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Dotted names of everything imported anywhere in a file, with the column of the import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.col_offset) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module[: len(module) - node.level]) if node.level else ""
            start = ".".join(part for part in (base, node.module or "") if part)
            # `from cnnx import layers` imports a module, not a name of the package.
            names = [alias.name for alias in node.names] if start == "cnnx" else [""]
            yield from ((f"{start}.{name}".rstrip("."), node.col_offset) for name in names)


def python_imports_only_components_below(root: Path) -> Iterator[str]:
    for name, path in files(root, "python/cnnx", ".py"):
        parts = path.relative_to(root / "python").with_suffix("").parts
        component = parts[1]
        if component in ("__init__", "__main__"):
            continue  # it lists the public names of every component
        if component not in PYTHON_LEVEL:
            yield f"{name} is in no component"
            continue
        for imported, _ in imported_modules(syntax_tree(path), parts):
            if imported.split(".")[0] != "cnnx":
                continue
            target = (*imported.split("."), "")[1]
            if target == "":
                good = component == "cli"  # the user's way in
            elif target not in PYTHON_LEVEL:
                good = False
            else:
                good = target == component or PYTHON_LEVEL[target] < PYTHON_LEVEL[component]
            if not good:
                yield f"{name} imports {imported}, not below {component}"


def optional_packages_are_imported_only_where_they_are_used(root: Path) -> Iterator[str]:
    for name, path in files(root, "python/cnnx", ".py"):
        parts = path.relative_to(root / "python").with_suffix("").parts
        if parts[1] in LOADED_ON_USE and parts[2] != "__init__":
            continue
        tree = syntax_tree(path)
        for imported, column in imported_modules(tree, parts):
            if imported.split(".")[0] in OPTIONAL_PACKAGES and column == 0:
                yield f"{name} imports {imported} at its top, so the package needs it"


def file_names_say_something(root: Path) -> Iterator[str]:
    for folder in (*SOURCE_FOLDERS, "cmake"):
        for name, path in files(root, folder):
            if NAMES_THAT_SAY_NOTHING & {*path.relative_to(root).parts, path.stem}:
                yield f"{name} has a name that says nothing"


def files_open_with_a_sentence(root: Path) -> Iterator[str]:
    for name, path in sources(root):
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".cpp", ".c", ".h"):
            comment = re.match(r"(//[^\n]*\n)+", text)
            opening = re.sub(r"^//", "", comment.group(), flags=re.MULTILINE) if comment else ""
        else:
            opening = ast.get_docstring(syntax_tree(path)) or ""
        sentence = re.match(r"\s*(\S+\s+){3,}?\S*[.?!:](\s|$)", opening)
        if not sentence:
            yield f"{name} does not open with a sentence"


def builds_use_no_flag_that_changes_bits(root: Path) -> Iterator[str]:
    places = [
        *files(root, "cmake"),
        *files(root, "cpp", ".txt", ".cmake"),
        *files(root, "examples", ".txt", ".cmake"),
        *((path.name, path) for path in sorted(root.glob("*.txt"))),
        *((path.name, path) for path in sorted(root.glob("*.json"))),
        *((path.name, path) for path in sorted(root.glob("*.toml"))),
        *((f".ci/{path.name}", path) for path in sorted((root / ".ci").glob("*"))),
    ]
    for name, path in places:
        if path.is_file():
            text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
            yield from (f"{name} says {flag.group()}" for flag in FORBIDDEN_FLAGS.finditer(text))


def library_calls_nothing_forbidden(root: Path) -> Iterator[str]:
    for folder in ("cpp/src", "cpp/bindings"):
        for name, path in files(root, folder, ".cpp", ".h"):
            text = code(path)
            for pattern, allowed, reason in FORBIDDEN_IN_CPP:
                if name.removeprefix("cpp/") in allowed:
                    continue
                for found in re.finditer(pattern, text):
                    yield f"{name} says {found.group().strip()}: {reason}"
