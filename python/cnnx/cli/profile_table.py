"""Table of the training time by layer, for `cnnx train --profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnx.training.profile import Profile


def profile_table(profile: Profile, seconds: float) -> str:
    """Table with a row per layer or fused layers, and the time outside the train steps.

    Args:
        profile: profile of the training.
        seconds: total duration of the training, including validation.
    """
    steps, inside = profile.steps, profile.seconds
    if not steps:
        return "profile: there were no steps"
    rows = [(" + ".join(time.layers), time.forward, time.backward) for time in profile.layers]
    width = max(len(name) for name, _, _ in [*rows, ("loss and its gradient", 0, 0)])
    lines = [f"{'':{width}}  {'forward':>9}  {'backward':>9}  {'time':>6}"]

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
    add("loss and its gradient", profile.loss, None, profile.loss)
    add("update", None, profile.update, profile.update)
    lines.append(
        f"microseconds per step; {steps:,} steps of {inside / steps * 1e6:,.0f} in "
        f"{seconds:.2f} s: {1 - inside / seconds:.1%} of the time outside the train step"
    )
    return "\n".join(lines)
