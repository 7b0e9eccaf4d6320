"""The laws of structure that `.ci/house` measures: each is shown to pass and to fail.

The files that break one today stand in `structure_exceptions.txt`. No line is added to it, and a
file that follows its law leaves it.
"""

from __future__ import annotations

import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
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
FORTY, LONG = CODE * 40, CODE * 801
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
                ("a.js", f"f(/[\"'{{]/, {{{': 1, '.join(KINDS)}: () => {{}}}});\n"),
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


def test_the_newest_addition_is_no_move(tmp_path: Path) -> None:
    def commit(tree: Tree, moved: tuple[str, str] | None = None) -> None:
        grow(tmp_path, tree)
        if moved:
            (tmp_path / moved[1]).parent.mkdir(parents=True, exist_ok=True)
            git("mv", *moved)
        git("add", ".")
        git("-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", f"Change {len(tree)}")

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)

    git("init", "-q")
    ops, cli = "cpp/src/ops", "python/cnnx/cli"
    commit({f"{ops}/relu.cpp": ROWS})
    assert structure.latest_additions(tmp_path).count("does not reach") == 3
    added = {
        f"{ops}/new.cpp": 'LayerDescription("new"\n',
        f"{ops}/conv2d_new.cpp": FORTY,
        f"{cli}/new.py": f"def add_parser():\n{FORTY}",
    }
    commit(added)
    commit({}, (f"{ops}/new.cpp", f"{ops}/old.cpp"))
    commit({f"{cli}/helper.py": FORTY}, (f"{cli}/new.py", f"{cli}/commands/new.py"))
    commit({}, (f"{ops}/conv2d_new.cpp", f"{ops}/conv2d_old.cpp"))
    rows = structure.latest_additions(tmp_path).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["3", "3", "3"], rows
    assert all("Change 3" in row for row in rows)
