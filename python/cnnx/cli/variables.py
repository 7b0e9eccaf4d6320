"""Warning of misspelt environment variables, which would be ignored in silence."""

from __future__ import annotations

import os

from cnnx.cli.errors import caution

_PREFIX = "CNNX_"
_KNOWN = ("CNNX_ISA", "CNNX_NUM_THREADS")


def warn_of_misspelt_variables(command: str) -> None:
    """Warn of each variable whose name is nearly one that the library reads."""
    unknown = [
        name for name in os.environ if name.upper().startswith(_PREFIX) and name not in _KNOWN
    ]
    if not unknown:
        return
    from cnnx.spelling import nearest

    meant = {name.removeprefix(_PREFIX): name for name in _KNOWN}
    for name in unknown:
        for found in nearest(name[len(_PREFIX) :], meant):
            caution(
                command,
                f"the environment variable {name} is unknown, expected {meant[found]}",
            )
