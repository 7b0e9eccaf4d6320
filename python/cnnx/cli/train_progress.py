"""Progress of `cnnx train`, in every process of a training of several."""

from __future__ import annotations

from cnnx.training.fit_progress import TextProgress


class CommandProgress(TextProgress):
    """Progress whose steps all processes count; those after the first print nowhere."""

    only_in_first_process = False
