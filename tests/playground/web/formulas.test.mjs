// Elementwise activations at known points, and in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formulaText,
  formulaValue,
  hasFormula,
} from "../../../python/cnnx/playground/web/formulas.js";

// Values of Python's math module with ten digits, at -1.5 and 0.7.
const POINTS = {
  relu: [0, 0.7],
  relu6: [0, 0.7],
  leaky_relu: [-0.3, 0.7],
  prelu: [-0.375, 0.7],
  elu: [-1.5537396797, 0.7],
  selu: [-1.3658143534, 0.7354906911],
  clip: [-0.5, 0.6],
  sigmoid: [0.1824255238, 0.6681877722],
  tanh: [-0.9051482536, 0.6043677771],
  reciprocal: [-0.6666666667, 1.4285714286],
  softsign: [-0.6, 0.4117647059],
  silu: [-0.2736382857, 0.4677314405],
  mish: [-0.2980997422, 0.5611483776],
  hard_swish: [-0.375, 0.4316666667],
  hard_sigmoid: [0.2, 0.64],
  hard_shrink: [-1.5, 0],
  soft_shrink: [-0.75, 0],
  softplus: [0.201413278, 1.1031860489],
  gelu: [-0.1002108019, 0.5306254434],
  dropout: [-1.5, 0.7],
};
const SETTINGS = {
  negative_slope: 0.2,
  alpha: 2,
  minimum: -0.5,
  maximum: 0.6,
  threshold: 0.75,
  slope: 0.2,
  offset: 0.5,
};

test("every activation at two points", () => {
  for (const [kind, expected] of Object.entries(POINTS)) {
    assert.ok(hasFormula(kind));
    [-1.5, 0.7].forEach((x, k) => {
      const value = formulaValue(kind, x, SETTINGS, 0.25);
      assert.ok(
        Math.abs(value - expected[k]) < 1e-9,
        `${kind}(${x}): ${value}, not ${expected[k]}`,
      );
      assert.ok(formulaText(kind, x, SETTINGS, 0.25).includes(Math.abs(x).toFixed(1)));
    });
  }
  assert.ok(!hasFormula("conv2d"));
});

test("GELU by its approximation and far from zero", () => {
  const approximate = formulaValue("gelu", 0.7, { approximate: "tanh" }, 1);
  assert.ok(Math.abs(approximate - 0.5305701347) < 1e-9);
  assert.equal(formulaValue("gelu", 30, {}, 1), 30);
  assert.equal(Math.abs(formulaValue("gelu", -40, {}, 1)), 0);
  assert.ok(Math.abs(formulaValue("gelu", 3, {}, 1) - 2.9959503059) < 1e-9);
});

test("limits of the activations with limits", () => {
  assert.equal(formulaValue("relu6", 8, {}, 1), 6);
  assert.equal(formulaValue("hard_swish", 4, {}, 1), 4);
  assert.equal(Math.abs(formulaValue("hard_swish", -4, {}, 1)), 0);
  assert.equal(formulaValue("hard_sigmoid", 9, {}, 1), 1);
  assert.ok(Number.isNaN(formulaValue("relu", NaN, {}, 1)));
});

test("words", () => {
  assert.equal(formulaText("relu", -0.25, {}, 1), "the larger of -0.2500 and 0");
  assert.equal(formulaText("relu6", 7, {}, 1), "7.000, but at least 0 and at most 6");
  assert.equal(formulaText("leaky_relu", -1, SETTINGS, 1), "-1.000 is negative: 0.2 × (-1.000)");
  assert.equal(formulaText("prelu", 2, {}, 0.25), "2.000 stays");
});
