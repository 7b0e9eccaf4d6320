"""Augmented batches by torchvision's transforms, as a user writes them.

A task's `mode` is "tensors" or "pillow", the type of the images while they are changed, in a
DataLoader with one process per thread, or "alone", tensors in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.augmentations import (
    BATCH,
    CHECKED_BATCHES,
    DEVIATION,
    MEAN,
    Work,
    draw,
    figures,
    task_of,
)


def versions() -> dict[str, str]:
    """The libraries' versions."""
    return {"torch": torch.__version__, "torchvision": torchvision.__version__}


class Images(Dataset[torch.Tensor]):
    """Images in memory as bytes, changed one by one."""

    def __init__(self, work: Work, mode: str) -> None:
        """Draw the images."""
        self._pillow = mode == "pillow"
        steps: list[Any] = []
        if work.degrees:
            relative_shift = work.shift / work.side
            steps.append(
                v2.RandomAffine(
                    work.degrees,
                    translate=(relative_shift, relative_shift),
                    scale=work.scale,
                    interpolation=v2.InterpolationMode.BILINEAR,
                )
            )
        if work.flip:
            steps.append(v2.RandomHorizontalFlip())
        if work.crop_padding:
            steps.append(v2.RandomCrop(work.side, padding=work.crop_padding))
        if self._pillow:
            steps.append(v2.ToImage())
        steps.append(v2.ToDtype(torch.float32, scale=True))
        steps.append(v2.Normalize([MEAN] * work.channels, [DEVIATION] * work.channels))
        self._change = v2.Compose(steps)
        pixels = draw(work)
        if self._pillow:
            self._images: Any = [Image.fromarray(p.squeeze()) for p in pixels]
        else:
            self._images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        changed: torch.Tensor = self._change(self._images[index])
        return changed


def prepare(task: tuple[object, ...]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """The next batch per call, epoch after epoch."""
    work, threads, mode = task_of(task)
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    loader = DataLoader(
        Images(work, mode),
        batch_size=BATCH,
        num_workers=0 if mode == "alone" else threads,
        persistent_workers=mode != "alone",
    )

    def endless() -> Iterator[torch.Tensor]:
        while True:
            yield from loader

    batches = endless()
    checked = [next(batches).numpy() for _ in range(CHECKED_BATCHES)]
    return lambda: next(batches), figures(np.concatenate(checked))
