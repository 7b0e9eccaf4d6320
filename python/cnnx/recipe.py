"""The base of settings that the compiled core takes: optimizers, losses, schedules and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class Recipe:
    """Settings in a frozen dataclass.

    Attributes:
        kind: the name of all of them together.
    """

    kind: ClassVar[str]

    # Settings of two numbers, each of which the core knows by a name of its own.
    _pairs: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name."""
        return dict(vars(self))

    @property
    def core_settings(self) -> dict[str, Any]:
        """The same by the names that the compiled core knows them by."""
        settings = self.settings
        for pair, names in self._pairs.items():
            settings.update(zip(names, settings.pop(pair), strict=True))
        return settings
