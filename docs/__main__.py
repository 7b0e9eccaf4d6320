"""Build the documentation site into build/site and check its links.

python -m docs [--fast] [--external]      needs the extras cli and docs

Warnings are errors. Exits with 1 after a warning or a broken link.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Packages that a build imports.
PACKAGES = (
    *("cnnx", "furo", "latex2mathml", "matplotlib", "myst_parser", "onnx", "PIL", "sklearn"),
    *("sphinx", "sphinx_copybutton", "sphinx_design", "sphinx_gallery"),
)


def main(arguments: list[str] | None = None) -> int:
    """Build and check the site; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs", description="Build build/site.")
    parser.add_argument(
        "--external", action="store_true", help="check links to other sites, too, over the network"
    )
    parser.add_argument(
        "--fast", action="store_true", help="show the gallery's scripts without running them"
    )
    options = parser.parse_args(arguments)
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        print(
            f"python -m docs: not installed: {', '.join(missing)}; run pip install '.[cli,docs]'",
            file=sys.stderr,
        )
        return 1
    # They need the packages.
    from sphinx.cmd.build import build_main

    from docs.links import findings
    from docs.live_page import has_live_page, write_live_page
    from docs.sources import gather

    sources, site = ROOT / "build" / "site-sources", ROOT / "build" / "site"
    gather(sources)
    if site.exists():
        shutil.rmtree(site)
    doctrees = ROOT / "build" / "site-doctrees"
    status = build_main(
        [
            *("-b", "html", "-W", "--keep-going", "-n", "-E", "-q"),
            *("-D", f"plot_gallery={int(not options.fast)}"),
            *("-c", str(ROOT / "docs"), "-d", str(doctrees), str(sources), str(site)),
        ]
    )
    if has_live_page():
        write_live_page(site)
    found = findings(site, external=options.external)
    print(*found, sep="\n", end="\n" if found else "")
    if status or found:
        print("python -m docs: the warnings and links above must be corrected", file=sys.stderr)
        return 1
    print(f"{site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
