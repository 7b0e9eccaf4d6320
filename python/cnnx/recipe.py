"""Base class of optimizers, losses, schedules and other settings of the compiled core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cnnx.spelling import NamedAttributes


class Recipe(NamedAttributes):
    """Settings of training in a frozen dataclass.

    Attributes:
        kind: name of the settings in the compiled core.
    """

    kind: ClassVar[str]

    # Settings of two numbers, which have one name each in the core.
    _pairs: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """Settings by name."""
        return dict(vars(self))

    @property
    def core_settings(self) -> dict[str, Any]:
        """Settings by their names in the compiled core."""
        settings = self.settings
        for pair, names in self._pairs.items():
            settings.update(zip(names, settings.pop(pair), strict=True))
        return settings
