"""Cases that import random ONNX graphs and compare every value with ONNX Runtime."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from attack import SUPPORT, onnx_snippets
from attack.case import HEADER, Case, Draw, lines, paste
from attack.onnx_graphs import NODES, Source, input_shape, is_comparable

MOST_NODES = 10
MOST_ATTEMPTS = 40


def onnx_files(draw: Draw) -> Case:
    """A graph of nodes that ONNX Runtime and cnnx accept, and perhaps one that cnnx fails at."""
    from cnnx.onnx import UnsupportedError
    from onnx_models import OnnxModel, imported

    opset = draw.integer(7, 22)
    program = [
        f"m = OnnxModel(*{input_shape(draw)}, opset={opset})",
        f"x = np.random.default_rng({draw.seed}).standard_normal(m.shape).astype(np.float32)",
    ]
    variables = executed(program, OnnxModel)
    shapes = {"x": variables["m"].shape}
    for _ in range(MOST_ATTEMPTS):
        name = list(shapes)[-1] if draw.chance(0.85) else draw.one_of(*shapes)
        alike = [each for each in shapes if len(shapes[each]) == len(shapes[name])]
        source = Source(draw, name, shapes[name], alike, opset)
        added = draw.one_of(*NODES)(source)
        if added is None:
            continue
        line = f"outputs.append({added})"
        values = nearby = None
        with suppress(Exception):  # ONNX Runtime has several of them
            variables = executed([*program, line], OnnxModel)
            model, output, x = variables["m"], variables["outputs"][-1], variables["x"]
            noise = np.random.default_rng(0).standard_normal(x.shape)
            values = onnx_snippets.onnx_runtime_output(model, output, x)
            nearby = onnx_snippets.onnx_runtime_output(
                model, output, x + (1e-6 * noise).astype(np.float32)
            )
        if nearby is None or not is_comparable(values, nearby):
            continue
        try:
            imported(model, output)
        except UnsupportedError:
            continue
        except Exception:
            program.append(line)  # the program fails in the same way
            break
        program.append(line)
        shapes[output] = values.shape
        if len(program) > MOST_NODES:
            break
    setup = paste(
        '"""A graph in ONNX Runtime and in cnnx."""',
        HEADER,
        f"sys.path.insert(0, {str(SUPPORT)!r})\nfrom onnx_models import OnnxModel, imported",
        *(onnx_snippets.onnx_runtime_output, onnx_snippets.compare_imported),
        lines(["outputs = []", *program]),
    )
    check = "for output in outputs:\n    compare_imported(m, output, x, imported(m, output).run(x))"
    return Case(setup, check=check)


def executed(program: list[str], model: Any) -> dict[str, Any]:
    """Variables after the lines of a program."""
    variables: dict[str, Any] = {"OnnxModel": model, "np": np, "outputs": []}
    exec(lines(program), variables)
    return variables
