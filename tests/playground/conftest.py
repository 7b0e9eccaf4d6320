"""Fixtures of the playground's tests: a browser per session, and the pages of some models."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import browser_tab
import pytest
from cnnx import cli
from cnnx.playground.wasm_module import WASM_MODULE
from playground_models import MODELS, Playground, Playgrounds


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Playgrounds:
    """The playground of a model of `playground_models`, written once per session."""
    if not WASM_MODULE.exists():
        pytest.skip(f"{WASM_MODULE} is missing, cnnx was installed without emscripten")
    folder = tmp_path_factory.mktemp("playground")

    @functools.cache
    def written(name: str) -> Playground:
        files = Playground(folder / f"{name}.cnnx", folder / f"{name}.html")
        MODELS[name]().save(files.model)
        assert cli.main(["playground", str(files.model), "--out", str(files.page)]) == 0
        return files

    return written


@pytest.fixture(scope="session", params=browser_tab.BROWSERS)
def browser(request: pytest.FixtureRequest) -> Iterator[browser_tab.Tab]:
    """A tab of each browser, without network."""
    if not browser_tab.installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    with browser_tab.open_tab(request.param) as tab:
        yield tab


@pytest.fixture
def tab(browser: browser_tab.Tab) -> Iterator[browser_tab.Tab]:
    """The tab, wide and light, in which a test must cause no message and no request."""
    browser.resize(1400)
    browser.use_scheme("light")
    browser.messages.clear()
    browser.requests.clear()
    yield browser
    assert browser.messages == []
    assert browser.requests == []
