"""Classification of images with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError, require_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.model.model import Model


# What a model does that has another task, and what to use instead.
_SEVERAL_CLASSES = (
    "predicts several classes per image, expected one",
    "cnnx.load(...).predict_proba from Python",
)
_OTHER_TASKS = {
    "multi_output": (
        "has several outputs, expected a classifier with one",
        "cnnx.load(...).predict from Python",
    ),
    "regression": (
        "predicts values, expected a classifier",
        "cnnx.load(...).predict from Python",
    ),
    "segmentation": (
        "predicts a class for each pixel, expected one for each image",
        "cnnx predict or cnnx evaluate",
    ),
}


class Classifier:
    """Loaded classification model with its class names."""

    def __init__(self, path: Path) -> None:
        import cnnx

        require_file(path)
        self.path = path
        self.model: Model = cnnx.load(path)
        require_single_input(self.model, str(path))
        classes = self.model.classes
        outputs = self.model.output_shape[-1]
        # A single output stands for two classes.
        self.names = list(classes) if classes else [str(k) for k in range(max(outputs, 2))]

    def probabilities(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Class probabilities (batch, classes) of every image.

        Raises:
            UserError: if the model does not predict one class per image.
        """
        import numpy as np

        self.require_one_class()
        found = np.asarray(self.model.predict_proba(x))
        return np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found

    def require_one_class(self, function: str | None = None) -> None:
        """Refuse a model that does not predict one class per image.

        Args:
            function: of Python, which takes other models, too; default: what predicts.

        Raises:
            UserError: if it predicts values or several classes per image.
        """
        task = self.model.task
        if task != "classification" or len(self.model.output_shape) != 1:
            what, other = _OTHER_TASKS.get(task, _SEVERAL_CLASSES)
            other = other if function is None else f"{function} from Python"
            raise UserError(f"{self.path}: {what}; use {other}")


def require_single_input(model: Model, origin: str) -> None:
    """Refuse a model that image files do not fit, because it has several inputs.

    Args:
        model: the model.
        origin: its file, or the option that named it.

    Raises:
        UserError: if it has several.
    """
    if model.inputs:
        raise UserError(
            f"{origin}: has the inputs {', '.join(model.inputs)}, expected a single one; use "
            "cnnx.load(...) from Python"
        )
