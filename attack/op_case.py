"""A case that compares an op and its backward with PyTorch or with the NumPy reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attack import SUPPORT, snippets
from attack.case import HEADER, Case, Draw, lines, paste

# An array in another memory layout or dtype that holds the same numbers.
FORMS = (
    *("{}",) * 4,
    "np.asfortranarray({})",
    "np.repeat({}, 2, axis=-1)[..., ::2]",
    "{}[::-1].copy()[::-1]",
    "{}.astype(np.float64)",
    "{}.astype('>f4')",
)
IMPORT_TORCH = "import numpy as np\nimport torch\nimport torch.nn.functional as F"
IMPORT_REFERENCE = f"sys.path.insert(0, {str(SUPPORT)!r})\nimport reference"


class OpCase:
    """A drawn call of an op and its backward, completed in steps.

    Attributes:
        arrays: expression of each array, by the name of the argument. "grad" is the gradient of
            the output.
        calls: lines that compute the results with `ops`, which is also the reference's interface.
        reference_calls: lines for the reference alone, if they differ.
        forward: the output in PyTorch, an expression of the arrays except "grad".
        terms: number of terms of the sums in each result.
        rule: expression of the expected results and their bounds.
    """

    def __init__(self, draw: Draw, op: str) -> None:
        self.draw = draw
        self.op = op
        self.arrays: dict[str, str] = {}
        self.calls: Sequence[str] = ()
        self.reference_calls: Sequence[str] = ()
        self.forward = ""
        self.terms: dict[str, int] = {}
        self.rule = "linear(expect, arrays, {terms})"
        self._torch_helper: Callable[..., Any] = snippets.torch_gradients

    def array(self, name: str, shape: Sequence[int], scale: float = 1.0, offset: float = 0) -> None:
        """Add an array of normally distributed numbers."""
        given = [f"rng, {tuple(shape)}"]
        if (scale, offset) != (1.0, 0.0):
            given += [str(scale), str(offset)]
        self.expression(name, f"draw({', '.join(given)})")

    def expression(self, name: str, values: str) -> None:
        """Add an array given by an expression."""
        self.arrays[name] = self.draw.one_of(*FORMS).format(values)

    def all_results_in_torch(self, results: str) -> None:
        """Give all results in PyTorch, as a dictionary, instead of the output to differentiate."""
        self.forward = results
        self._torch_helper = snippets.torch_values

    def case(self) -> Case:
        """The program."""
        arrays = (f'"{name}": {value},' for name, value in self.arrays.items())
        setup = paste(
            f'"""{self.op} in float64 and in cnnx."""',
            f"{HEADER}\nfrom cnnx import ops",
            snippets.draw,
            f"rng = np.random.default_rng({self.draw.seed})",
            "arrays = {\n" + lines(arrays, "    ") + "\n}",
            self._function("compute", self.calls),
        )
        rule = getattr(snippets, self.rule.split("(")[0])
        expected = paste(
            *(self._in_torch() if self.draw.in_torch else self._in_numpy()),
            snippets.of_floats,
            rule,
            f"expected, bounds = {self.rule.format(terms=self.terms)}",
        )
        check = paste(snippets.compare, "compare(compute(ops, **arrays), expected, bounds)")
        return Case(setup, expected, check)

    def _in_torch(self) -> Sequence[Any]:
        helper = self._torch_helper
        plain = helper is snippets.torch_values
        given = ", ".join(name for name in self.arrays if name != "grad" or plain)
        return (
            IMPORT_TORCH,
            helper,
            f"def forward({given}):\n    return {self.forward}",
            f"def expect(arrays):\n    return {helper.__name__}(forward, arrays)",
        )

    def _in_numpy(self) -> Sequence[Any]:
        return (
            IMPORT_REFERENCE,
            self._function("compute_reference", self.reference_calls or self.calls),
            "def expect(arrays):\n    return compute_reference(reference, **arrays)",
        )

    def _function(self, name: str, calls: Sequence[str]) -> str:
        results = ", ".join(f'"{each}": {each}' for each in self.terms)
        head = f"def {name}(ops, {', '.join(self.arrays)}):\n"
        return f"{head}{lines(calls, '    ')}\n    return {{{results}}}"
