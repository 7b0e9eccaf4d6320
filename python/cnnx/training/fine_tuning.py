"""Callback that fine-tunes in two phases: the last layer alone, then all layers at a lower rate."""

from __future__ import annotations

from typing import Any

from cnnx.arguments import at_least, boolean, is_integer, not_negative, shown
from cnnx.model.last_layer import layers_with_arrays, output_layers
from cnnx.training.callback_base import Callback, warn_of_changed
from cnnx.training.history import Progress

__all__ = ["FineTuning"]


class FineTuning(Callback):
    """Fine-tuning in two phases, for a model with a new last layer (`Model.with_classes`).

    In the first `head_epochs` epochs only the last layer with parameters is trained. All other
    layers are frozen, because the large gradients of random weights would destroy what they have
    learned. Then they are trained, too: the optimizer starts again, its learning rate is multiplied
    by `factor`, and the trainer's schedule runs again over the remaining epochs. Layers that were
    frozen before the fit stay frozen. After the fit, the trainer has the lower learning rate. A
    `ParameterRule` gives some layers a rate of their own, such as a lower one to the first layers.

    Batch norms stay frozen in the second phase, too, so that they normalise in training with the
    statistics that predictions use. Those of a large data set are better than those of a few small
    batches, and move slowly towards the new ones.

    Args:
        head_epochs: epochs of the first phase; fewer than those of the fit.
        factor: factor of the learning rate in the second phase.
        freeze_batch_norms: whether batch norms stay frozen in the second phase.

    Raises:
        TypeError: if a setting is of another type.
        ValueError: if a setting is out of range, or, at the begin of a fit, if the fit has too few
            epochs or the last layer is frozen.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(64, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), 10).with_classes(["X", "O"])
        >>> trainer = cnnx.Trainer(
        ...     model,
        ...     optimizer=cnnx.AdamW(2e-3),
        ...     schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
        ... )
        >>> tuning = cnnx.callbacks.FineTuning(head_epochs=1)
        >>> history = trainer.fit(x, y, epochs=3, callbacks=[tuning])

    References:
        Howard, Ruder: Universal language model fine-tuning for text classification, 2018, for
        gradual unfreezing. fastai's `fine_tune` has the same two phases. So has Keras's guide to
        transfer learning, which also keeps batch norms frozen.
    """

    def __init__(
        self, *, head_epochs: int = 1, factor: float = 0.1, freeze_batch_norms: bool = True
    ) -> None:
        self._set(head_epochs, factor, freeze_batch_norms)
        self._core: Any = None  # of the model, during a fit; it cannot be copied or pickled
        self._phase = 1
        self._frozen: list[str] = []  # by this callback

    def _set(self, head_epochs: Any, factor: Any, freeze_batch_norms: Any) -> None:
        self.head_epochs = at_least(1, head_epochs, "FineTuning", "head_epochs")
        self.factor = not_negative(factor, "FineTuning", "factor")
        self.freeze_batch_norms = boolean(freeze_batch_norms, "FineTuning", "freeze_batch_norms")

    def on_fit_begin(self, trainer: Any) -> None:
        """Begin the first phase; `restore` replaces it by that of a resumed run.

        Raises:
            ValueError: if the fit has too few epochs, or the last layer is frozen.
        """
        run, model = trainer._run, trainer.model
        epochs = int(run.settings["epochs"])
        if epochs <= self.head_epochs and not run.is_over:
            raise ValueError(
                f"FineTuning: head_epochs is {self.head_epochs}, expected fewer than the epochs of "
                f"the fit, {epochs}"
            )
        last = output_layers(model._core)
        trainable = [layer.name for layer in model.layers if layer.trainable]
        for name in last:
            if name not in trainable:
                raise ValueError(
                    f"FineTuning: the last layer with parameters, {name}, is frozen, expected it "
                    f"to be trainable: model.unfreeze({name!r})"
                )
        self._core, self._phase = model._core, 1
        others = [name for name in layers_with_arrays(model._core) if name not in last]
        self._frozen = [name for name in others if name in trainable]
        self._set_trainable(self._frozen, trainable=False)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        """Begin the second phase after `head_epochs` epochs."""
        if self._phase == 2 or not self.head_epochs <= progress.epoch < progress.epochs:
            return
        norms = {name for kind, _, name, _, _ in self._core.layers if kind == "batch_norm2d"}
        stay = [name for name in self._frozen if self.freeze_batch_norms and name in norms]
        self._set_trainable(self._frozen, trainable=True)
        self._set_trainable(stay, trainable=False)
        self._phase, self._frozen = 2, stay
        trainer.reset_optimizer()
        trainer.learning_rate *= self.factor
        if progress.steps > 0:  # else the trainer has no schedule
            epochs = progress.epochs - progress.epoch
            trainer.begin_schedule(epochs=epochs, steps_per_epoch=progress.steps)

    def on_run_end(self, trainer: Any) -> None:
        """Leave only those layers frozen that were so before the run, also in its checkpoint.

        The state keeps them for a resumed run of more epochs.
        """
        self._set_trainable(self._frozen, trainable=True)

    def on_fit_end(self, trainer: Any) -> None:
        """Do so in the model of an interrupted run, too, whose checkpoint has them frozen."""
        self._set_trainable(self._frozen, trainable=True)
        self._core = None

    def state(self) -> dict[str, Any]:
        """State for a checkpoint: settings, phase, and the layers that this callback froze."""
        return {
            "head_epochs": self.head_epochs,
            "factor": self.factor,
            "freeze_batch_norms": self.freeze_batch_norms,
            "phase": self._phase,
            "frozen": self._frozen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the settings and the phase from a checkpoint.

        Raises:
            ValueError: if the state is not one of this callback and of the trained model.
        """
        for name in self.state():
            if name not in state:
                raise ValueError(f"FineTuning: the state has no {name}")
        phase, frozen = state["phase"], state["frozen"]
        if not is_integer(phase) or phase not in (1, 2):
            raise ValueError(f"FineTuning: phase of the state is {shown(phase)}, expected 1 or 2")
        known = layers_with_arrays(self._core)
        if not isinstance(frozen, list) or not all(name in known for name in frozen):
            raise ValueError(
                f"FineTuning: frozen of the state is {shown(frozen)}, expected layers of the model"
            )
        warn_of_changed(self, state)
        self._set(state["head_epochs"], state["factor"], state["freeze_batch_norms"])
        self._set_trainable(self._frozen, trainable=True)
        self._set_trainable(frozen, trainable=False)
        self._phase, self._frozen = int(phase), frozen

    def _set_trainable(self, layers: list[str], *, trainable: bool) -> None:
        for name in layers:
            self._core.set_trainable(name, trainable)
