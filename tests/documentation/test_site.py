"""The documentation site: it builds without a warning, is complete, and works in a browser."""

from __future__ import annotations

import html
import importlib
import inspect
import re
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import browser_tab
import cnnx
import pytest
from chromium import SCHEMES, WIDTHS
from cpp_build import ROOT
from example_results import EXPECTED, check_results

pytest.importorskip("sphinx", reason="the site needs the extra docs")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Path:
    """The site, built as documented."""
    done = subprocess.run(
        [sys.executable, "-m", "docs"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    index = Path(done.stdout.splitlines()[-1])
    assert index == ROOT / "build" / "site" / "index.html"
    return index.parent


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, str]:
    """Texts of the pages."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def tab() -> Iterator[browser_tab.Tab]:
    """A tab of a running Chromium, without network."""
    if not browser_tab.installed("chromium"):
        pytest.skip("chromium is not installed")
    with browser_tab.open_tab("chromium") as tab:
        yield tab


def public_names() -> set[str]:
    """Names of the package and of its public modules, and of the public methods of its classes."""
    found = set()
    for name in cnnx.__all__:
        value = getattr(cnnx, name)
        members = {name: value}
        if isinstance(value, types.ModuleType):
            module = importlib.import_module(f"cnnx.{name}")
            names = getattr(module, "__all__", None) or [
                each for each in dir(module) if each[0] != "_"
            ]
            # What is also a name of the package is described there.
            members |= {
                f"{name}.{each}": getattr(module, each)
                for each in names
                if getattr(cnnx, each, None) is not getattr(module, each)
            }
        for path, member in members.items():
            if not (isinstance(member, types.ModuleType) and "." in path):
                found.add(f"cnnx.{path}")
            if inspect.isclass(member):
                own = (each for each in vars(member) if each[0] != "_")
                found |= {f"cnnx.{path}.{each}" for each in own if callable(vars(member)[each])}
    return found - {"cnnx.__version__"}


def test_every_public_name_has_a_description(site: Path) -> None:
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    described = {
        name for kind, names in inventory.data.items() if kind[:3] == "py:" for name in names
    }
    assert public_names() - described == set()


def test_every_page_can_be_reached_from_the_front_page(site: Path, pages: dict[Path, str]) -> None:
    reached, new = set(), {site / "index.html"}
    while new:
        reached |= new
        links = {
            (path.parent / link).resolve()
            for path in new
            for link in re.findall(r'href="([^":#?]+)', pages[path])
        }
        new = {path for path in links if path in pages} - reached
    assert set(pages) - reached == set()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_gallery_shows_the_results_of_its_scripts(
    name: str, site: Path, pages: dict[Path, str]
) -> None:
    blocks = re.findall(
        r'<div class="sphx-glr-script-out.*?<pre>(.*?)</pre>',
        pages[site / "gallery" / f"{name}.html"],
        re.DOTALL,
    )
    output = html.unescape(re.sub(r"<[^>]+>", "", "\n".join(blocks)))
    check_results(name, output, ROOT / "build" / "gallery-output" / f"{name}.png")


def test_the_navigation_unfolds_only_around_the_page(site: Path, pages: dict[Path, str]) -> None:
    text = pages[site / "reference" / "python" / "cnnx.Adam.html"]
    (navigation,) = re.findall(r'<div class="sidebar-tree">.*?</div>', text, re.DOTALL)
    assert 'href="cnnx.AdamW.html"' in navigation
    assert 'href="../../gallery/index.html"' in navigation
    assert "cnnx.Dense.html" not in navigation
    assert "gallery/explain.html" not in navigation


def test_no_file_asks_another_host(site: Path) -> None:
    found = [
        f"{path.relative_to(site)}: {address}"
        for path in site.rglob("*.css")
        for address in re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^)'\"\s]+)", path.read_text("utf-8")
        )
    ]
    assert found == []


def test_pages_fit_the_window_and_run_without_an_error_or_the_network(
    site: Path, pages: dict[Path, str], tab: browser_tab.Tab
) -> None:
    found = []
    for path in pages:
        name = path.relative_to(site).as_posix()
        tab.open(path)
        for width in WIDTHS:
            tab.resize(width)
            for scheme in SCHEMES:
                tab.use_scheme(scheme)
                wider = tab.evaluate("document.documentElement.scrollWidth")
                if wider > width:
                    found.append(f"{name}: {wider} pixels wide in a window of {width}, {scheme}")
        found += [f"{name}: {each}" for each in tab.messages + tab.requests]
        tab.messages.clear()
        tab.requests.clear()
    assert found == []


def test_the_scheme_of_the_reader_sets_the_background(site: Path, tab: browser_tab.Tab) -> None:
    tab.open(site / "index.html")
    backgrounds = []
    for scheme in SCHEMES:
        tab.use_scheme(scheme)
        colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        backgrounds.append(sum(map(int, re.findall(r"\d+", colour)[:3])))
    light, dark = backgrounds
    assert light > 600
    assert dark < 150


def search(words: str, site: Path, tab: browser_tab.Tab) -> list[str]:
    """Addresses that a search in the front page's field finds, without the site's, best first."""
    tab.resize(1400)
    tab.open(site / "index.html")
    tab.evaluate("document.querySelector('.sidebar-search').focus()")
    for character in words:
        tab.press("Space" if character == " " else character)
    tab.leave_by_pressing("Enter")
    summary = "document.querySelector('.search-summary')?.innerText ?? ''"
    end = time.monotonic() + 20.0
    # The page writes one of these sentences after the last result.
    while not re.match("Search finished|Your search did not match", tab.evaluate(summary)):
        assert time.monotonic() < end, tab.evaluate("document.body.innerText")
        time.sleep(0.05)
    links = tab.evaluate(
        "[...document.querySelectorAll('ul.search > li > a')].map(each => each.href)"
    )
    return [each.removeprefix(f"{site.as_uri()}/") for each in links]


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("batch norm", "reference/"),
        ("resume", "reference/"),
        ("FormatError", "reference/"),
        ("learning rate", "reference/"),
    ],
)
def test_search_finds_it(words: str, page: str, site: Path, tab: browser_tab.Tab) -> None:
    assert any(each.startswith(page) for each in search(words, site, tab)[:5])


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("how many threads", "threads.html#how-many-threads"),
        ("grey images", "loading-data.html#grey-images"),
        ("resume a training", "resuming.html"),
    ],
)
def test_a_heading_with_the_words_is_found_first(
    words: str, page: str, site: Path, tab: browser_tab.Tab
) -> None:
    assert search(words, site, tab)[0] == page


def test_search_finds_nothing_for_a_word_that_no_page_has(site: Path, tab: browser_tab.Tab) -> None:
    assert search("zzqq", site, tab) == []
