"""Checks that words of cnnx's former vocabulary do not come back in its text files."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cpp_build import ROOT

# Word, its replacement, and a text that has it.
WORDS = (
    # In brackets, so that a search of the tree for the word finds nothing.
    (r"\w*pi[c]tures?(?:Batch|Set)?", "image, or figure for plots", "resize_picture"),
    (r"contestants?", "library, peer", "each contestant"),
    (r"tenants?", "buffer", "the tenants of an arena"),
    (r"(?:kept|held) apart", "held out", "images held apart"),
    (r"takes?_in", "can_fuse", "takes_in(op)"),
    (r"go(?:es)?_on", "resume", "cnnx::go_on(options)"),
    (r"winners?", "argmax indices", "the winner of a window"),
    (r"(?:relu|masked)_through", "relu_masked", "relu_through(grad)"),
    (r"mend(?:s|ed|ing)?", "fix", "Mend the folder"),
    (r"the house|house rules?", "components, rules", "House rules"),
    (r"truth", "reference, expected", "NumPy's truth"),
    (r"contest", "comparison", "a contest of libraries"),
    (r"derived weights|kept_bytes", "packed weights, saved_bytes", "kept_bytes(layer)"),
    (r"drawings", "images, samples", "drawings of X and O"),
    (r"shares of the class(?:es)?", "soft labels", "or shares of the classes"),
    (r"right answers?", "correct predictions, accuracy", "its right answers"),
    (r"(?:at|six|one) looks?", "views, test-time augmentation", "at six looks"),
)
FOLDERS = (
    *("cpp", "python", "tests", "benchmarks", "docs", "examples", "fuzz"),
    *("attack", "cmake", ".ci", ".github"),
)
SUFFIXES = {
    *(".c", ".cpp", ".h", ".py", ".pyi", ".md", ".txt", ".cmake", ".in", ".toml", ".yml", ".json"),
    "",
}
THIS_FILE = "tests/project/test_words.py"


def texts() -> Iterator[tuple[str, str]]:
    """Names and texts of the files, without this one and the old names in the changelog."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted(paths):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in SUFFIXES and "__pycache__" not in path.parts and name != THIS_FILE:
            text = path.read_text(encoding="utf-8")
            yield name, without_renames(text) if name == "CHANGELOG.md" else text


def without_renames(changelog: str) -> str:
    """The changelog without its lists of old and new names."""
    return re.sub(r"^### Renamed$.*?(?=^#{2,3} )", "", changelog, flags=re.M | re.S)


def pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{word})\b", re.IGNORECASE)


def found(word: str, text: str) -> list[str]:
    """Lines of `text` that have the word."""
    compiled = pattern(word)
    return [line.strip() for line in text.splitlines() if compiled.search(line)]


def test_the_words_of_the_former_vocabulary_are_gone() -> None:
    any_word = pattern("|".join(word for word, _, _ in WORDS))
    violations = [
        f"{name}: {line} (write {instead})"
        for name, text in texts()
        if any_word.search(text)
        for word, instead, _ in WORDS
        for line in found(word, text)
    ]
    assert violations == []


@pytest.mark.parametrize(("word", "instead", "example"), WORDS)
def test_a_word_is_found(word: str, instead: str, example: str) -> None:
    assert found(word, f"first line\n{example}\n") == [example]
    assert found(word, instead) == []


def test_only_the_lists_of_renamed_names_may_have_the_old_words() -> None:
    changelog = "## A\n### Renamed\n#### C\n- winner\n### Added\n- image\n## B\n- winner\n"
    assert without_renames(changelog) == "## A\n### Added\n- image\n## B\n- winner\n"
