"""Profile of train steps as a table with bars, for notebooks."""

from __future__ import annotations

from cnnx.drawing.markup import Markup, element, joined, table
from cnnx.drawing.page import fragment
from cnnx.training.profile import Profile

_BAR_WIDTH, _BAR_HEIGHT = 200, 12
_FORWARD, _BACKWARD = "var(--series-1)", "var(--series-2)"


def profile_fragment(profile: Profile) -> str:
    """A row with the time of a step for every layer, the loss and the update."""
    if not profile.steps:
        return fragment(element("p", "Profile of no steps"))
    parts = [(" + ".join(each.layers), each.forward, each.backward) for each in profile.layers]
    parts += [("loss and its gradient", profile.loss, 0.0), ("update", 0.0, profile.update)]
    longest = max(forward + backward for _, forward, backward in parts) or 1.0
    per_step = 1e6 / profile.steps
    rows = [
        (
            name,
            f"{forward * per_step:,.0f}" if forward else None,
            f"{backward * per_step:,.0f}" if backward else None,
            f"{(forward + backward) / profile.seconds:.1%}",
            _bar(forward / longest, backward / longest),
        )
        for name, forward, backward in parts
    ]
    sentence = (
        f"Profile of {profile.steps:,} steps of {profile.seconds * per_step:,.0f} \N{MICRO SIGN}s"
    )
    header = ("layer", "forward \N{MICRO SIGN}s", "backward \N{MICRO SIGN}s", "time", "")
    return fragment(element("p", sentence), table(header, rows, caption=_key()))


def _bar(forward: float, backward: float) -> Markup:
    return element(
        "svg",
        joined(
            element("rect", x=left, width=width, height=_BAR_HEIGHT, style=f"fill:{colour}")
            for left, width, colour in (
                (0.0, forward * _BAR_WIDTH, _FORWARD),
                (forward * _BAR_WIDTH, backward * _BAR_WIDTH, _BACKWARD),
            )
        ),
        width=_BAR_WIDTH,
        height=_BAR_HEIGHT,
        style="max-width:none",
        aria_hidden="true",
    )


def _key() -> Markup:
    """The meaning of the colours."""
    return joined(
        element("span", f"\N{BLACK SQUARE} {word} ", style=f"color:{colour}")
        for word, colour in (("forward", _FORWARD), ("backward or update", _BACKWARD))
    )
