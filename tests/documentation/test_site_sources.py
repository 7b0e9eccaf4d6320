"""Parts of the build of the documentation site: sources, check of links, formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_build import ROOT

from docs import __main__ as build
from docs import links, sources


def page(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"<html><body>{body}</body></html>", encoding="utf-8")


def test_the_check_finds_broken_links_anchors_and_files_of_other_hosts(tmp_path: Path) -> None:
    page(tmp_path, "other.html", '<p id="here">')
    broken = {
        '<a href="gone.html">': "no such file",
        '<a href="other.html#gone">': "no such anchor",
        '<a href="#gone">': "no such anchor",
        '<img src="gone.png">': "no such file",
        '<script src="https://example.org/x.js">': "expected a file of the site",
        '<link rel="stylesheet" href="//example.org/x.css">': "expected a file of the site",
    }
    for tag, reason in broken.items():
        page(tmp_path, "index.html", tag)
        (found,) = links.findings(tmp_path, external=False)
        assert found.startswith("index.html: ")
        assert found.endswith(reason)


def test_the_check_passes_links_that_lead_somewhere(tmp_path: Path) -> None:
    page(tmp_path, "other.html", '<p id="here">')
    (tmp_path / "an image.png").touch()
    good = ("other.html", "other.html#here", "#top", "an%20image.png", "https://example.org/x")
    tags = "".join(f'<a href="{each}">' for each in good)
    page(tmp_path, "index.html", f'<p id="top">{tags}<img src="data:image/png;base64,">')
    assert links.findings(tmp_path, external=False) == []


def test_a_missing_package_is_named_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "PACKAGES", ("cnnx", "no_such_package"))
    assert build.main([]) == 1
    expected = "python -m docs: not installed: no_such_package; run pip install '.[cli,docs]'\n"
    assert capsys.readouterr() == ("", expected)


def test_an_address_that_does_not_answer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(tmp_path, "index.html", '<a href="http://127.0.0.1:9/gone">')
    (found,) = links.findings(tmp_path, external=True)
    assert found.startswith("index.html: http://127.0.0.1:9/gone: ")


def test_the_sources_have_the_pages_of_docs_and_of_other_folders(tmp_path: Path) -> None:
    pytest.importorskip("docutils")
    sources.gather(tmp_path)
    pages = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")}
    own = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert own | {"changelog.md", "contributing.md", "embed-c.md", "embed-cpp.md"} <= pages
    contributing = (tmp_path / "contributing.md").read_text(encoding="utf-8")
    assert "[docs/architecture.md](architecture.md)" in contributing
    assert "[README](index.md)" in contributing
    cpp = (tmp_path / "cpp.md").read_text(encoding="utf-8")
    assert "](embed-cpp.md)" in cpp
    assert "](files/cpp/tests/distributed_test.cpp)" in cpp
    assert (tmp_path / "files/cpp/tests/distributed_test.cpp").is_file()


def test_blocks_of_code_keep_their_text(tmp_path: Path) -> None:
    text = "[a](../README.md#try-it)\n```cpp\n[a](../README.md)\n```\n[b](gone.md) [c](#here)\n"
    linked = sources.linked(text, ROOT / "docs" / "x.md", Path("x.md"), tmp_path)
    assert linked == text.replace("../README.md#", "index.md#")


def test_formulas_are_mathml_and_unknown_commands_are_found() -> None:
    pytest.importorskip("sphinx")
    mathml = pytest.importorskip("docs.mathml")
    written, unknown = mathml.converted(r"\frac{a}{b}", "inline")
    assert written.startswith("<math")
    assert "<mfrac>" in written
    assert unknown is None
    assert mathml.converted(r"\nosuchcommand x", "inline")[1] == r"\nosuchcommand"
    assert mathml.converted(r"\begin{aligned} a &= b \end{aligned}", "block")[1] == "&"
