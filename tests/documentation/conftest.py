"""The runs of pages, each made once for all tests that need it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from beside import Beside
from document_pages import PageRun, run_page


@pytest.fixture(scope="session")
def page_run(beside: Beside) -> Callable[[str], PageRun]:
    """Run a page, or return its earlier run; the test is skipped if a package is missing."""

    def run(name: str) -> PageRun:
        found = beside.result(run_page, page=name)
        if found.missing:
            pytest.skip(found.missing)
        return found

    return run
