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
PACKAGE = "python/cnnx"
Tree = dict[str, str]

# Per law: files that follow it, then files that break it and the one that is named.
EXAMPLES: dict[str, tuple[list[Tree], list[tuple[str, Tree]]]] = {
    "length": (
        [
            {"tests/a.py": FORTY, "tests/__init__.py": "", "tests/a.txt": ""},
            {"tests/a.py": '"""Short because it is one."""\n', "tests/b.js": CODE * 800},
            {"tests/a.py": '"""Long because it is one."""\n' + LONG},
        ],
        [
            ("tests/a.py", {"tests/a.py": CODE * 39}),
            ("tests/a.js", {"tests/a.js": "// Long because it is one.\n"}),
            ("tests/a.py", {"tests/a.py": "# Short because it is one.\n" + LONG}),
        ],
    ),
    "header": (
        [
            {
                "cpp/src/a/a.h": FORTY,
                "cpp/src/a/a.cpp": '#include "a.h"\n' + FORTY,
                "cpp/tests/a.cpp": '#include "a/a.h"\n' + FORTY,
            }
        ],
        [
            (
                "cpp/src/a/a.h",
                {"cpp/src/a/a.h": FORTY, "cpp/src/a/a.cpp": '#  include "a/a.h"\n' + FORTY},
            )
        ],
    ),
    "module": (
        [
            {f"{PACKAGE}/a.py": FORTY, f"{PACKAGE}/b.py": "def f():\n    import cnnx.a\n" + FORTY},
            {f"{PACKAGE}/a.py": CODE * 60, f"{PACKAGE}/b.py": "from . import a\n" + FORTY},
            {f"{PACKAGE}/a.py": FORTY}
            | {f"{PACKAGE}/{b}.py": "import cnnx.a\n" * 40 for b in "bc"},
        ],
        [
            (f"{PACKAGE}/a.py", {f"{PACKAGE}/a.py": FORTY, f"{PACKAGE}/b.py": text + FORTY})
            for text in (
                "from . import a\n",
                "from .a import x\n",
                "from cnnx.a import x\n",
                "def f():\n    import cnnx.a\nimport cnnx.a\n",
                "if TYPE_CHECKING:\n    import cnnx.a\n",
            )
        ],
    ),
    "circle": (
        [
            {f"{PACKAGE}/a.py": f"{text}import cnnx.b\n" + CODE * 60, f"{PACKAGE}/b.py": back}
            for text, back in (
                ("if typing.TYPE_CHECKING:\n    ", "import cnnx.a\n" + CODE * 60),
                ("def f():\n    ", "import cnnx.a\n" + CODE * 60),
            )
        ],
        [
            (
                f"{PACKAGE}/a.py",
                {
                    f"{PACKAGE}/a.py": "try:\n    import cnnx.b\nfinally:\n    pass\n" + CODE * 60,
                    f"{PACKAGE}/b.py": "from .a import x\n" + CODE * 60,
                },
            ),
            (
                f"{PACKAGE}/a.py",
                {
                    f"{PACKAGE}/a.py": "from .b.c import x\n" + CODE * 60,
                    f"{PACKAGE}/b/__init__.py": "from .. import a\n",
                    f"{PACKAGE}/b/c.py": CODE * 60,
                },
            ),
        ],
    ),
    "folder": (
        [{f"tests/{k}.txt": "" for k in range(40)}],
        [("tests", {f"tests/{k}/a.txt": "" for k in range(41)})],
    ),
    "table": (
        [
            LAYERS | {f"{PACKAGE}/layers/a.py": f"x = [{NAMES}]\n" + FORTY},
            LAYERS | {f"{PACKAGE}/a.py": f"f({NAMES})\nx = [{NAMES[:-8]}]\n" + FORTY},
            LAYERS | {f"{PACKAGE}/a.js": f"if (x) {{ f({NAMES}); }}\n" + FORTY},
        ],
        [
            (f"{PACKAGE}/{name}", LAYERS | {f"{PACKAGE}/{name}": text + FORTY})
            for name, text in (
                ("a.py", f"def f():\n    x = ({NAMES})\n"),
                ("a.py", f"x = {{{NAMES.replace(',', ': [],')}: []}}\n"),
                ("a.js", f"const x = new Set([{NAMES}]);\n"),
                ("a.js", f'g(/"/); f({{{": 1, ".join(KINDS)}: () => {{}}}}, "x");\n'),
            )
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
    for number, (name, tree) in enumerate(broken):
        found = list(structure.violations(grow(tmp_path / f"broken{number}", tree)))
        assert [(each[0], each[1]) for each in found] == [(law, name)], (tree, found)


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
    commit("Describe", {f"{ops}/a.cpp": f"{kind} words"})
    moves = (("cpp/src/old/pass.cpp", f"{ops}/conv2d_pass.cpp"), (f"{cli}/a.py", f"{cli}/b/a.py"))
    commit("Move", {f"{cli}/helper.py": FORTY}, *moves)
    (tmp_path / "cpp/src/old/conv2d_b.cpp").unlink()
    commit("Rewrite", {f"{ops}/conv2d_b.cpp": algorithm.replace("x", "z")})
    rows = structure.latest_additions(tmp_path).splitlines()[2:]
    found = [re.sub(r"[0-9a-f]{7,} ", "", row).split(" | ")[1:] for row in rows]
    assert found == [["3", "Add |"]] * 3
