"""Checked settings of a trainer: optimizer, loss, rules, clipping, averaging and schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import is_integer, number, shown
from cnnx.metric_kinds import MAIN_METRICS
from cnnx.model.heads import sources_of_heads
from cnnx.model.model import Model
from cnnx.spelling import instance_for
from cnnx.training.head_losses import HeadLosses
from cnnx.training.loss import Loss
from cnnx.training.optimizers import Optimizer, ParameterRule
from cnnx.training.schedules import Schedule, core_schedule, watched_measure
from cnnx.training.weight_average import WeightAverage

# Kinds whose outputs are in a range of their own, so that they are no logits.
_NO_LOGITS = (
    *("relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "softplus", "softsign"),
    "dropout",
)

_MOST_SHARDS = 65536


def is_frozen(model: Model) -> bool:
    """Whether training would update no parameter."""
    counts = {name: count for name, _, _, count in model._core.layer_infos}
    return not any(counts[name] for _, _, name, _, trainable in model._core.layers if trainable)


@dataclass(frozen=True)
class TrainingRecipe:
    """Settings of a `Trainer`, which documents them.

    Raises:
        TypeError: if a setting is not of its type.
        ValueError: if a setting is out of range.
    """

    optimizer: Optimizer
    loss: Loss
    seed: int
    rules: Sequence[ParameterRule]
    clip_norm: float | None
    averaging: WeightAverage | None
    schedule: Schedule | None
    shards: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(
                f"Trainer: optimizer is {shown(self.optimizer)}, expected SGD, Adam, AdamW, "
                f"RMSprop or Muon{instance_for(self.optimizer, 'optimizer')}"
            )
        if not isinstance(self.loss, Loss):
            raise TypeError(
                f"Trainer: loss is {shown(self.loss)}, expected CrossEntropy, BinaryCrossEntropy, "
                f"MSE, L1, Huber or another of cnnx.losses{instance_for(self.loss, 'loss')}"
            )
        if not is_integer(self.seed) or not 0 <= self.seed < 2**63:
            raise ValueError(
                f"Trainer: seed is {shown(self.seed)}, expected an integer from 0 to 2**63 - 1"
            )
        if not isinstance(self.rules, Sequence) or not all(
            isinstance(rule, ParameterRule) for rule in self.rules
        ):
            raise TypeError(
                f"Trainer: rules is {shown(self.rules)}, expected a list of ParameterRule"
            )
        if self.clip_norm is not None and not (
            0 < number(self.clip_norm, "Trainer", "clip_norm") < math.inf
        ):
            raise ValueError(
                f"Trainer: clip_norm is {shown(self.clip_norm)}, expected None or a number > 0"
            )
        if self.averaging is not None and not isinstance(self.averaging, WeightAverage):
            raise TypeError(
                f"Trainer: averaging is {shown(self.averaging)}, expected a WeightAverage or None"
            )
        if self.schedule is not None and not isinstance(self.schedule, Schedule):
            raise TypeError(
                f"Trainer: schedule is {shown(self.schedule)}, expected one such as CosineDecay, "
                f"or None{instance_for(self.schedule, 'schedule')}"
            )
        if not is_integer(self.shards) or not 1 <= self.shards <= _MOST_SHARDS:
            raise ValueError(
                f"Trainer: shards is {shown(self.shards)}, expected an integer from 1 to "
                f"{_MOST_SHARDS}"
            )
        self.check_measured("Trainer: schedule", watched_measure(self.schedule), validates=True)

    def check_measured(
        self,
        who: str,
        watched: str | None,
        validates: bool,
        further: Sequence[str] | None = None,
    ) -> None:
        """Refuse to watch a metric that the loss or a fit without validation does not measure.

        Args:
            who: begin of an error message.
            watched: name of the metric, or None.
            validates: whether there is a validation set.
            further: names of the metrics of the model's task; None if it is unknown.

        Raises:
            ValueError: if it is not measured.
        """
        if watched is not None and watched.startswith("validation") and not validates:
            raise ValueError(f"{who} watches {watched}, expected validation=")
        has_accuracy = self.loss.takes_logits
        is_accuracy = watched in ("accuracy", "validation_accuracy")
        if watched is not None and is_accuracy and not has_accuracy:
            raise ValueError(
                f"{who} watches {watched}, which {type(self.loss).__name__} does not measure, "
                f"expected watch={watched.replace('accuracy', 'loss')!r}"
            )
        known = (*MAIN_METRICS, *(further or ()))
        if watched is not None and further is not None and watched not in known:
            raise ValueError(
                f"{who} watches {watched}, which is not measured of this model, expected one of "
                f"{', '.join(known)}"
            )

    def for_model(self, model: Model) -> TrainingRecipe:
        """The settings with class weights in the order of a model's classes."""
        if isinstance(self.loss, HeadLosses):
            return replace(self, loss=self.loss.for_heads({h.name: h.shape for h in model.heads}))
        loss = self.loss.for_classes(model.classes).for_output(model.output_shape)
        return replace(self, loss=loss)

    def core(self, model: Model, *, recompute: bool) -> _core.Trainer:
        """Create a trainer of the compiled core."""
        options = {
            "seed": int(self.seed),
            "rules": [rule.core_settings for rule in self.rules],
            "clip_norm": self.clip_norm,
            "recompute": recompute,
            "shards": int(self.shards),
            "averaging": self.averaging and self.averaging.core_settings,
            "schedule": core_schedule(self.schedule),
        }
        core = _core.Trainer(
            model._core,
            self.optimizer.kind,
            self.optimizer.core_settings,
            self.loss.kind,
            self.loss.core_settings,
            options,
        )
        for output, kind, loss in self._outputs(model):
            if loss.takes_logits and kind in _NO_LOGITS:
                warn(
                    f"Trainer: {output} ends in {kind}, but {type(loss).__name__} expects raw "
                    "outputs: leave the last layer out"
                )
        return core

    def _outputs(self, model: Model) -> list[tuple[str, str, Loss]]:
        """The name of each output in a sentence, the kind of its layer, and its loss."""
        if not isinstance(self.loss, HeadLosses):
            return [("the model", model._core.layers[-1][0], self.loss)]
        kinds = {name: kind for kind, _, name, _, _ in model._core.layers}
        losses = [loss for loss, _ in self.loss.terms.values()]
        return [
            (f"the output {name!r}", kinds.get(source, "input"), loss)
            for name, source, loss in zip(
                self.loss.terms, sources_of_heads(model._core), losses, strict=False
            )
        ]
