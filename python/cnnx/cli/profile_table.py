"""What `cnnx train --profile` prints: a table of where the time of training went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnx.profile import Profile


def profile_table(profiles: Sequence[Profile], seconds: float) -> str:
    """A row per layer, or layers that run as one, and what lies outside the train steps.

    Args:
        profiles: of the same network; added up.
        seconds: from the first step to the last, validation included.
    """
    measured = [profile for profile in profiles if profile.steps]
    steps = sum(profile.steps for profile in measured)
    if not steps:
        return "profile: no step was done"
    inside = sum(profile.seconds for profile in measured)
    rows = []
    for times in zip(*(profile.layers for profile in measured), strict=True):
        forward = sum(time.forward for time in times)
        backward = sum(time.backward for time in times)
        rows.append((" + ".join(times[0].layers), forward, backward))
    width = max(len(name) for name, _, _ in [*rows, ("loss and its gradient", 0, 0)])
    lines = [f"{'':{width}}  {'forward':>9}  {'backward':>9}  {'share':>6}"]

    def add(name: str, forward: float | None, backward: float | None, total: float) -> None:
        cells = (
            "" if part is None else f"{part / steps * 1e6:,.0f}" for part in (forward, backward)
        )
        lines.append(
            "  ".join(
                [f"{name:{width}}", *(f"{cell:>9}" for cell in cells), f"{total / inside:6.1%}"]
            )
        )

    for name, forward, backward in rows:
        add(name, forward, backward, forward + backward)
    loss = sum(profile.loss for profile in measured)
    update = sum(profile.update for profile in measured)
    add("loss and its gradient", loss, None, loss)
    add("update", None, update, update)
    lines.append(
        f"microseconds per step; {steps:,} steps of {inside / steps * 1e6:,.0f} in "
        f"{seconds:.2f} s: {1 - inside / seconds:.1%} of the time outside the train step"
    )
    return "\n".join(lines)
