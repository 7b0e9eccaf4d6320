"""The laws of structure that `.ci/house` measures: each is shown to pass and to fail.

The files that break one today stand in `structure_exceptions.txt`. No line is added to it, and a
file that follows its law leaves it.
"""

from __future__ import annotations

import re
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from cnnx import _core
from cpp_build import ROOT

LOADER = SourceFileLoader("structure", str(ROOT / ".ci" / "house"))
SPEC = spec_from_loader("structure", LOADER)
assert SPEC is not None
structure = module_from_spec(SPEC)
LOADER.exec_module(structure)

LISTED = (ROOT / "tests/project/structure_exceptions.txt").read_text(encoding="utf-8").splitlines()
KINDS = ["relu", "elu", "selu", "silu", "mish", "tanh"]
ROWS = "".join(f'LayerDescription("{kind}", "text", make),\n' for kind in KINDS)
NAMES = ", ".join(f'"{kind}"' for kind in KINDS)
CODE = "x = 0\n"
FORTY, LONG = CODE * 40, CODE * 800
LAYERS = {"cpp/src/ops/a.cpp": ROWS * 40}
HEADER, SOURCE = {"cpp/src/a/a.h": FORTY}, "cpp/src/a/a.cpp"
Tree = dict[str, str]


def package(**texts: str) -> Tree:
    """Modules that are long enough for their text."""
    return {f"python/cnnx/{name}.py": text + CODE * 40 for name, text in texts.items()}


# Per law: trees that follow it, then trees of which the first file breaks it.
EXAMPLES: dict[str, tuple[list[Tree], list[Tree]]] = {
    "length": (
        [
            {"tests/a.py": FORTY, "tests/__init__.py": "", "tests/a.txt": ""},
            {"tests/a.py": '"""Short because it is one."""\n', "tests/b.js": LONG},
            {"tests/a.py": '"""Long because it is one."""\n' + LONG},
        ],
        [
            {"tests/a.py": CODE * 39},
            {"tests/a.js": "// Long because it is one.\n"},
            {"tests/a.py": "# Short because it is one.\n" + LONG},
        ],
    ),
    "header": (
        [HEADER | dict.fromkeys(("cpp/tests/a.cpp", SOURCE), '#include "a/a.h"\n' + FORTY)],
        [HEADER | {SOURCE: f'#  include "{name}"\n{FORTY}'} for name in ("a.h", "a/a.h")],
    ),
    "module": (
        [
            package(a="", b="def f():\n    import cnnx.a\n"),
            package(a=CODE * 20, b="from . import a\n"),
            package(a="", b="import cnnx.a\n", c="import cnnx.a\n"),
        ],
        [
            package(a="", b="from . import a\n"),
            package(a="", b="from .a import x\n"),
            package(a="", b="from cnnx.a import x\n"),
            package(a="", b="def f():\n    import cnnx.a\nimport cnnx.a\n"),
            package(a="", b="if TYPE_CHECKING:\n    import cnnx.a\n"),
        ],
    ),
    "circle": (
        [
            package(a=f"{only}:\n    import cnnx.b\n{FORTY}", b=f"import cnnx.a\n{FORTY}")
            for only in ("if typing.TYPE_CHECKING", "def f()")
        ],
        [
            package(
                a=f"try:\n    import cnnx.b\nfinally: x\n{FORTY}", b=f"from .a import x\n{FORTY}"
            ),
            package(a=f"from .b.c import x\n{FORTY}", **{"b/__init__": "from .. import a\n"})
            | package(**{"b/c": FORTY}),
        ],
    ),
    "folder": (
        [{f"tests/{k}.txt": "" for k in range(40)}],
        [{f"tests/{k}/a.txt": "" for k in range(41)}],
    ),
    "table": (
        [
            package(**{"layers/a": f"x = [{NAMES}]\n"}) | LAYERS,
            package(a=f"f({NAMES})\nx = [{NAMES[:-8]}]\n") | LAYERS,
            {"python/cnnx/a.js": f"if (x) {{ f({NAMES}); }}\n{FORTY}"} | LAYERS,
        ],
        [
            package(a=f"def f():\n    x = ({NAMES})\n") | LAYERS,
            package(a=f"x = {{{NAMES.replace(',', ': [],')}: []}}\n") | LAYERS,
            {"python/cnnx/a.js": f"const x = new Set([{NAMES}]);\n{FORTY}"} | LAYERS,
            {"python/cnnx/a.js": f'g(/"/); f({{{": 1, ".join(KINDS)}: 1}}, "x");\n{FORTY}'}
            | LAYERS,
        ],
    ),
}


def grow(root: Path, tree: Tree) -> Path:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("law", EXAMPLES)
def test_a_law_can_pass_and_fail(law: str, tmp_path: Path) -> None:
    passing, broken = EXAMPLES[law]
    for number, tree in enumerate(passing):
        assert list(structure.violations(grow(tmp_path / f"passing{number}", tree))) == []
    for number, tree in enumerate(broken):
        ((found, name, _),) = structure.violations(grow(tmp_path / f"broken{number}", tree))
        assert (found, next(iter(tree)).startswith(name)) == (law, True), (tree, found, name)


def test_the_exceptions_are_those_of_the_tree() -> None:
    """A file follows the laws or is listed. A listed one that follows its law leaves the list."""
    found = {f"{law} {name}": problem for law, name, problem in structure.violations(ROOT)}
    assert {name: found[name] for name in found.keys() - set(LISTED)} == {}
    assert sorted(set(LISTED) - found.keys()) == []
    assert sorted(set(LISTED)) == LISTED


def test_the_kinds_are_those_of_the_core() -> None:
    sources = structure.below(ROOT, "cpp/src").values()
    kinds = {kind for text in sources for kind in structure.kinds_in(text)}
    assert kinds == {kind["name"] for kind in _core.layer_kinds()}


def test_the_newest_addition_is_no_move(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)

    def commit(subject: str, tree: Tree, *moves: tuple[str, str]) -> None:
        grow(tmp_path, tree)
        for old, new in moves:
            (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / old).rename(tmp_path / new)
        git("add", "--all")
        git("-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", subject)

    git("init", "-q")
    ops, cli = "cpp/src/ops", "python/cnnx/cli"
    algorithm = f"class New final : public Conv2dPass {{}};\n{FORTY}"
    kind, command = 'kName = "new";\nLayerDescription(kName,', f"def add_parser():\n{FORTY}"
    old = {"cpp/src/old/pass.cpp": algorithm + "y\n", "cpp/src/old/conv2d_b.cpp": "z\n"}
    commit("Begin", old | {f"{ops}/relu.cpp": ROWS})
    assert structure.latest_additions(tmp_path).count("does not reach") == 3
    additions = {f"{ops}/a.cpp": kind, f"{ops}/conv2d_a.cpp": algorithm, f"{cli}/a.py": command}
    commit("Add", additions)
    described = {f"{ops}/a.cpp": f"{kind} words", f"{cli}/a.py": command.replace("()", "(x)")}
    commit("Describe", described | {f"{cli}/helper.py": FORTY})
    moves = (("cpp/src/old/pass.cpp", f"{ops}/conv2d_pass.cpp"), (f"{cli}/a.py", f"{cli}/b/a.py"))
    commit("Move", {}, *moves)
    (tmp_path / "cpp/src/old/conv2d_b.cpp").unlink()
    commit("Rewrite", {f"{ops}/conv2d_b.cpp": algorithm.replace("x", "z")})
    rows = structure.latest_additions(tmp_path).splitlines()[2:]
    found = [re.sub(r"[0-9a-f]{7,} ", "", row).split(" | ")[1:] for row in rows]
    assert found == [["3", "Add |"]] * 3
