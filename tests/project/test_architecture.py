"""The architecture rules: the tree follows each, and a small tree that breaks it is detected."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from architecture_rules import (
    CPP_COMPONENTS,
    PYTHON_COMPONENTS,
    bindings_include_only_public_headers,
    builds_use_no_flag_that_changes_bits,
    cpp_includes_only_its_own_component_or_below,
    file_names_say_something,
    files_open_with_a_sentence,
    kernels_include_only_c_headers_intrinsics_and_kernels,
    library_calls_nothing_forbidden,
    optional_packages_are_imported_only_where_they_are_used,
    public_headers_include_only_public_headers_and_the_standard_library,
    python_imports_only_components_below,
    sources,
    syntax_tree,
)
from code_shape import (
    LEAST_REPEATED_LINES,
    MOST_FUNCTION_LINES,
    MOST_PARAMETERS,
    functions,
    functions_are_short,
    functions_take_few_parameters,
    no_passage_stands_twice,
)

ROOT = Path(__file__).parents[2]

Rule = Callable[[Path], Iterator[str]]


def cpp_function(*, lines: int = 3, parameters: int = 1) -> str:
    """A definition in a namespace, as clang-format lays it out."""
    names = ", ".join(f"const std::map<int, int>& a{k}" for k in range(parameters))
    body = "  f(1, 2, 3);\n" * (lines - 2)
    return f"namespace cnnx {{\nvoid f({names}) {{\n{body}}}\n}}  // namespace cnnx\n"


def python_function(*, lines: int = 2, parameters: int = 1) -> str:
    names = ", ".join(f"a{k}" for k in range(parameters))
    body = "        g(1, 2)\n" * (lines - 1)
    return f'"""A class."""\nclass A:\n    def f(self, {names}):\n{body}'


def passage(name: str, lines: int) -> str:
    """Lines of different shapes, whatever the name in them."""
    return "".join(f"{name} = {'-' * (k % 7)}{name}({', '.join('x' * k)})\n" for k in range(lines))


HEAD = '"""A table."""\n'

# Per rule: a file that follows it, then files that break it, as (path, text).
EXAMPLES: dict[Rule, tuple[tuple[str, str], list[tuple[str, str]]]] = {
    cpp_includes_only_its_own_component_or_below: (
        ("cpp/src/ops/a.cpp", '#include <map>\n#include "cnnx/a.h"\n#include "runtime/b.h"\n'),
        [
            ("cpp/src/ops/b.cpp", '#include "graph/graph.h"\n'),
            ("cpp/src/runtime/b.h", '#  include "ops/op.h"\n'),
            ("cpp/src/kernels/b.h", '#include "runtime/parallel.h"\n'),
            ("cpp/src/graph/b.cpp", '#include "../training/trainer.h"\n'),
            ("cpp/src/training/b.cpp", '#include "io/json.h"\n'),
            ("cpp/src/io/b.cpp", '#include "c_api/call.h"\n'),
            ("cpp/src/attic/b.cpp", "// Old.\n"),
        ],
    ),
    public_headers_include_only_public_headers_and_the_standard_library: (
        ("cpp/include/cnnx/a.h", '#include <vector>\n#include "cnnx/b.h"\n'),
        [
            ("cpp/include/cnnx/b.h", '#include "graph/graph.h"\n'),
            ("cpp/include/cnnx/b.h", "#include <omp.h>\n"),
            ("cpp/include/cnnx/b.h", "#include <sys/types.h>\n"),
            ("cpp/include/cnnx/b.h", "#include <stdint.h>\n"),
            ("cpp/include/cnnx/c_api.h", "#include <cstdint>\n"),
        ],
    ),
    kernels_include_only_c_headers_intrinsics_and_kernels: (
        ("cpp/src/kernels/a.cpp", '#include <math.h>\n#include "kernels/simd.h"\n'),
        [
            ("cpp/src/kernels/b.cpp", "#include <algorithm>\n"),
            ("cpp/src/kernels/b.cpp", "#include <cmath>\n"),
            ("cpp/src/kernels/b.h", '#include "cnnx/shape.h"\n'),
        ],
    ),
    bindings_include_only_public_headers: (
        ("cpp/bindings/a.cpp", '#include "cnnx/a.h"\n#include "bindings.h"\n'),
        [("cpp/bindings/b.cpp", '#include "graph/graph.h"\n')],
    ),
    python_imports_only_components_below: (
        (
            "python/cnnx/data/a.py",
            "import os\nfrom cnnx import _core\nfrom cnnx.arguments import b\nfrom .c import d\n",
        ),
        [
            ("python/cnnx/layers/b.py", "from cnnx.model.model import Model\n"),
            ("python/cnnx/layers/b.py", "from cnnx import model\n"),
            ("python/cnnx/layers/b.py", "def f():\n    import cnnx.training\n"),
            ("python/cnnx/layers/b.py", "from ..training import SGD\n"),
            ("python/cnnx/layers/b.py", "from .. import training\n"),
            ("python/cnnx/model/b.py", "from cnnx.training.losses import MSE\n"),
            ("python/cnnx/model/b.py", "import cnnx\n"),
            ("python/cnnx/data/b.py", "from cnnx.cli.errors import UserError\n"),
            ("python/cnnx/data/b.py", "from ..cli import errors\n"),
            ("python/cnnx/training/b.py", "from cnnx import Model\n"),
            ("python/cnnx/attic.py", "import os\n"),
        ],
    ),
    optional_packages_are_imported_only_where_they_are_used: (
        ("python/cnnx/cli/a.py", "def f():\n    from PIL import Image\n"),
        [
            ("python/cnnx/cli/b.py", "import tqdm\n"),
            ("python/cnnx/cli/b.py", "from matplotlib.figure import Figure\n"),
            ("python/cnnx/sklearn/__init__.py", "from sklearn.base import clone\n"),
        ],
    ),
    functions_are_short: (
        (
            "cpp/src/ops/a.cpp",
            "// A table of work.\n// Long function because it is one.\n"
            + cpp_function(lines=MOST_FUNCTION_LINES + 1),
        ),
        [
            ("cpp/src/ops/b.cpp", cpp_function(lines=MOST_FUNCTION_LINES + 1)),
            ("python/cnnx/data/b.py", python_function(lines=MOST_FUNCTION_LINES + 1)),
        ],
    ),
    functions_take_few_parameters: (
        ("python/cnnx/data/a.py", python_function(parameters=MOST_PARAMETERS)),
        [
            ("cpp/src/ops/b.cpp", cpp_function(parameters=MOST_PARAMETERS + 1)),
            ("python/cnnx/data/b.py", python_function(parameters=MOST_PARAMETERS + 1)),
        ],
    ),
    no_passage_stands_twice: (
        (
            "tests/a.py",
            HEAD + passage("a", LEAST_REPEATED_LINES - 1) + "x\n" + passage("a", 3),
        ),
        [
            (
                "tests/b.py",
                HEAD + passage("a", LEAST_REPEATED_LINES) + passage("b", LEAST_REPEATED_LINES),
            ),
        ],
    ),
    file_names_say_something: (
        ("python/cnnx/data/a.py", ""),
        [
            ("python/cnnx/utils.py", ""),
            ("cpp/src/ops/util.h", ""),
            ("tests/utils/a.py", ""),
            ("cmake/helpers.cmake", ""),
        ],
    ),
    files_open_with_a_sentence: (
        ("cpp/src/io/a.h", "// What a file says, read\n// without trusting it.\n#pragma once\n"),
        [
            ("cpp/src/io/b.h", "#pragma once\n// Too late to say what this is.\n"),
            ("cpp/src/io/b.cpp", "\n// Not on the first line of the file.\n"),
            ("examples/b.c", "int main(void) { return 0; }\n"),
            ("cpp/src/io/b.cpp", "// model file\n"),
            ("tests/b.py", "x = 1\n"),
            ("benchmarks/b.py", '"""Benchmark"""\n'),
        ],
    ),
    builds_use_no_flag_that_changes_bits: (
        ("cmake/a.cmake", "# never -ffast-math\nset(flags -O3)\n"),
        [
            ("CMakeLists.txt", "add_compile_options(-ffast-math)\n"),
            ("cpp/CMakeLists.txt", "set(flags -Ofast)\n"),
            (
                "cmake/b.cmake",
                "set(INTERPROCEDURAL_OPTIMIZATION ON)",
            ),
            ("CMakePresets.json", '{"CMAKE_CXX_FLAGS": "-march=native"}\n'),
            ("pyproject.toml", 'args = ["-flto"]\n'),
            (".ci/run", "export CXXFLAGS=-march=native\n"),
        ],
    ),
    library_calls_nothing_forbidden: (
        (
            "cpp/src/ops/a.cpp",
            "// std::exp(x) here\nfloat y = runtime::exp(x) + std::sqrt(x) + std::floor(x);\n"
            'void tanh(float x);\nauto s = "printf(";\nint exits(int);\n',
        ),
        [
            ("cpp/src/ops/b.cpp", "float y = std::exp(x);\n"),
            ("cpp/src/ops/b.cpp", "float y = ::pow (x, 2);\n"),
            ("cpp/src/kernels/b.cpp", "float y = tanhf(x);\n"),
            ("cpp/src/kernels/b.cpp", "float y = __builtin_logf(x);\n"),
            ("cpp/src/kernels/b.cpp", "float y = __builtin_fmaf(a, b, c);\n"),
            ("cpp/src/kernels/b.cpp", "float y = _mm256_fmadd_ps(a, b, c);\n"),
            ("cpp/src/data/b.cpp", "#include <random>\n"),
            ("cpp/src/io/b.cpp", "std::cerr << 1;\n"),
            ("cpp/src/io/b.cpp", 'fprintf(stderr, "no");\n'),
            ("cpp/src/io/b.cpp", "std::abort();\n"),
            ("cpp/bindings/b.cpp", "exit(1);\n"),
            ("cpp/src/graph/b.cpp", "assert(x);\n"),
            ("cpp/src/ops/b.cpp", "#pragma omp parallel for\n"),
            ("cpp/bindings/b.cpp", "py::call_guard<py::gil_scoped_release>()\n"),
            ("cpp/bindings/b.cpp", "PYBIND11_MODULE(_core, module, py::mod_gil_not_used())\n"),
        ],
    ),
}
every_rule = pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.__name__)


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def _syntax_trees() -> Iterator[None]:
    """Keeps the trees of all files no longer than these tests, and the garbage collector from
    looking through them again and again.
    """
    gc.disable()
    yield
    for cached in (syntax_tree, functions):
        cached.cache_clear()
    gc.enable()


@every_rule
def test_the_tree_follows_the_rules(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@every_rule
def test_a_rule_can_pass_and_fail(rule: Rule, tmp_path: Path) -> None:
    passing, broken = EXAMPLES[rule]
    write(tmp_path / "passing", *passing)
    assert list(rule(tmp_path / "passing")) == []
    for number, (name, text) in enumerate(broken):
        root = tmp_path / str(number)
        write(root, *passing)
        write(root, name, text)
        sentences = list(rule(root))
        assert len(sentences) == 1, (name, text, sentences)
        assert sentences[0].startswith(name)


def test_the_rules_see_the_whole_tree() -> None:
    """A moved folder must not leave a rule without files to check."""
    seen = [name for name, _ in sources(ROOT)]
    for component in CPP_COMPONENTS:
        assert any(name.startswith(f"cpp/src/{component}/") for name in seen), component
    names = {name for component in PYTHON_COMPONENTS for name in component}
    here = {path.name.split(".")[0] for path in (ROOT / "python" / "cnnx").iterdir()}
    assert names <= here
    assert any(name.startswith("cpp/include/") for name in seen)
    assert any(name.startswith("cpp/bindings/") for name in seen)
