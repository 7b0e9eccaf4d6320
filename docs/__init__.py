"""The documentation site, which `python -m docs` builds."""
