"""Classification of images with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.model.model import Model


class Classifier:
    """Loaded classification model with its class names."""

    def __init__(self, path: Path) -> None:
        import cnnx

        self.path = path
        self.model: Model = cnnx.load(path)
        classes = self.model.classes
        outputs = self.model.output_shape[-1]
        # A single output stands for two classes.
        self.names = list(classes) if classes else [str(k) for k in range(max(outputs, 2))]

    def predict(self, x: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Class index (batch,) and class probabilities (batch, classes) of every image.

        Raises:
            UserError: if the model does not predict one class per image.
        """
        import numpy as np

        predicted = np.asarray(self.model.predict(x))
        if predicted.ndim != 1 or predicted.dtype == np.bool_:
            raise UserError(
                f"{self.path}: predicts several classes per image, expected one; "
                "use cnnx.load(...).predict_proba from Python"
            )
        if self.model.classes:
            positions = {name: index for index, name in enumerate(self.names)}
            predicted = np.array([positions[str(name)] for name in predicted])
        indices = predicted.astype(np.int64)
        probabilities = self.model.predict_proba(x)
        if probabilities.shape[1] == 1:
            probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
        return indices, probabilities
