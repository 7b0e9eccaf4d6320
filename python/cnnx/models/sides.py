"""Image sizes of networks that halve an image several times and enlarge it again."""

from __future__ import annotations

from cnnx.layers.graph import input_shape_of


def sides_of_multiple(multiple: int, input_shape: object, function: str) -> tuple[int, int, int]:
    """`input_shape` as (height, width, channels).

    Raises:
        TypeError: if it is not three integers.
        ValueError: if a side is no multiple.
    """
    shape = input_shape_of(input_shape, function, "input_shape")
    if any(side < 1 or side % multiple for side in shape[:2]):
        raise ValueError(
            f"{function}: input_shape is {shape}, expected a height and a width that are multiples "
            f"of {multiple}"
        )
    return shape
