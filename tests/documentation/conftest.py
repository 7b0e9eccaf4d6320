"""The runs of pages, each made once for all tests that need it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from document_pages import PageRun, run_page


@pytest.fixture(scope="session")
def page_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PageRun]:
    """Run a page, or return its earlier run; the test is skipped if a package is missing."""
    runs: dict[str, PageRun] = {}

    def run(name: str) -> PageRun:
        if name not in runs:
            runs[name] = run_page(name, tmp_path_factory.mktemp("page"))
        if runs[name].missing:
            pytest.skip(runs[name].missing)
        return runs[name]

    return run
