"""The sources of the site, put together in one folder.

They are the pages of `docs/`, a few files of other folders, and generated pages. Links between
files of the repository become links between pages. A linked file without a page becomes a
download.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from docs.generators import write_reference
from docs.live_page import has_live_page, with_link

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Files outside docs/ that are pages.
OTHER_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
# Projects that are a page each: the text of their README, then every file.
PROJECTS = {
    "examples/embed_c": ("embed-c.md", "A program in C"),
    "examples/embed_cpp": ("embed-cpp.md", "A program in C++"),
}
# Pages in whose place a link to a file or folder leads elsewhere.
PAGES_FOR = {
    "examples/python/README.md": "gallery/index.rst",
    "README.md": "index.md",
    "cpp/include/cnnx": "reference/cpp/index.rst",
}
_LANGUAGES = {".c": "c", ".cpp": "cpp", ".txt": "cmake"}
_LINK = re.compile(r"(\[[^][]*\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"(^(`{3,}|~{3,}).*?^\2$)", re.DOTALL | re.MULTILINE)


def gather(folder: Path) -> None:
    """Put the sources into a folder, whose earlier content is removed."""
    if folder.exists():
        shutil.rmtree(folder)
    for path, page in _pages().items():
        _write(folder, page, linked(path.read_text("utf-8"), path, page, folder))
    for name, (page_name, title) in PROJECTS.items():
        _write(folder, Path(page_name), _project_page(ROOT / name, title))
    if has_live_page():
        playground = folder / "playground.md"
        playground.write_text(with_link(playground.read_text("utf-8")), encoding="utf-8")
    (folder / "reference").mkdir(exist_ok=True)
    write_reference(folder / "reference")


def _pages() -> dict[Path, Path]:
    """Files of the repository that are pages, and where in the sources."""
    own = {path: path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md"))}
    return own | {ROOT / name: Path(page) for name, page in OTHER_PAGES.items()}


def _places() -> dict[Path, Path]:
    """The page to which a link to a file or folder of the repository leads."""
    projects = {name: page for name, (page, _) in PROJECTS.items()}
    others = {ROOT / name: Path(page) for name, page in (PAGES_FOR | projects).items()}
    return _pages() | others


def linked(text: str, path: Path, page: Path, folder: Path) -> str:
    """The text of a page with links as the site has them; blocks of code stay as they are.

    Args:
        text: Markdown.
        path: the file that has it.
        page: its page in the sources.
        folder: the folder of the sources, into which linked files without a page are copied.
    """
    places = _places()

    def replace(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(path.parent / match[2]))
        if target in places:
            place = places[target]
        elif target.is_file():
            place = Path("files", target.relative_to(ROOT))
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(target, folder / place)
        else:
            return match[0]
        return match[1] + os.path.relpath(place, page.parent).replace(os.sep, "/") + match[3]

    parts = _FENCE.split(text)
    # Split by a pattern of two groups: text, block of code, its fence, text, ...
    parts[::3] = [_LINK.sub(replace, part) for part in parts[::3]]
    del parts[2::3]
    return "".join(parts)


def _project_page(project: Path, title: str) -> str:
    """A page with the README and the files of a small project."""
    text = [f"# {title}\n\n", (project / "README.md").read_text("utf-8")]
    for path in sorted(project.iterdir()):
        if path.suffix in _LANGUAGES:
            code = path.read_text("utf-8")
            text.append(f"\n## {path.name}\n\n```{_LANGUAGES[path.suffix]}\n{code}```\n")
    return "".join(text)


def _write(folder: Path, page: Path, text: str) -> None:
    (folder / page).parent.mkdir(parents=True, exist_ok=True)
    (folder / page).write_text(text, encoding="utf-8")
