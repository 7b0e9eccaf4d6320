"""Settings that a resumed trainer has of its checkpoint, and warnings of changes before `fit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnx.advice import warn
from cnnx.arguments import listed
from cnnx.training.run_state import Run


@dataclass(frozen=True)
class ResumedSettings:
    """Settings of a trainer that an assignment or a call changes.

    Attributes:
        learning_rate: of the optimizer.
        compute_dtype: of the model.
        trainable: layers and whether they are trainable.
        resets: how often the optimizer was reset.
    """

    learning_rate: float
    compute_dtype: str
    trainable: dict[str, bool]
    resets: int

    @classmethod
    def of(cls, trainer: Any) -> ResumedSettings:
        """The settings that a trainer has now."""
        model = trainer.model._core
        return cls(
            trainer.learning_rate,
            model.compute_dtype,
            {name: flag for _, _, name, _, flag in model.layers},
            trainer._resets,
        )

    def warn_of_changed(self, trainer: Any, run: Run) -> None:
        """Warn of every setting that is another one than that of the checkpoint."""
        now = ResumedSettings.of(trainer)
        changes: list[str] = []
        for what, own, given in (
            ("learning_rate", self.learning_rate, now.learning_rate),
            ("compute_dtype", self.compute_dtype, now.compute_dtype),
        ):
            if own != given:
                changes.append(f"{what} is {given}, but {own} in the checkpoint")
        for state, other, flag in (("frozen", "trainable", False), ("trainable", "frozen", True)):
            names = [name for name in now.trainable if now.trainable[name] == flag]
            changed = [name for name in names if self.trainable[name] != flag]
            if changed:
                verb = "is" if len(changed) == 1 else "are"
                changes.append(f"{listed(changed)} {verb} {state}, but {other} in the checkpoint")
        if now.resets != self.resets:
            changes.append("the optimizer was reset, but had taken steps in the checkpoint")
        remaining = int(run.settings["epochs"]) - run.epoch + 1
        for change in changes:
            warn(
                f"fit: {change}, so the resumed run differs from one that was not interrupted; to "
                f"train so in a new run: fit(x, y, epochs={remaining})"
            )
