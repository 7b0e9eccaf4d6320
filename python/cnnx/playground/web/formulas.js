// Elementwise activations: the value for a number, and the formula with the number in it.

import { significant } from "./numbers.js";

/**
 * @typedef {(x: number, settings: Record<string, any>, weight: number) => number} Activation
 * @typedef {(x: string, settings: Record<string, any>, weight: number, value: number) => string}
 *   Wording
 */

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;
const GELU_CUBE = 0.044715;

/** @type {Record<string, {compute: Activation, words: Wording}>} */
const FORMULAS = {
  relu: {
    compute: (x) => (x < 0 ? 0 : x),
    words: (x) => `the larger of ${x} and 0`,
  },
  relu6: {
    compute: (x) => Math.min(Math.max(x, 0), 6),
    words: (x) => `${x}, but at least 0 and at most 6`,
  },
  leaky_relu: {
    compute: (x, settings) => (x < 0 ? settings.negative_slope * x : x),
    words: (x, settings, _, value) =>
      value < 0 ? `${x} is negative: ${settings.negative_slope} × (${x})` : `${x} stays`,
  },
  prelu: {
    compute: (x, _, weight) => (x < 0 ? weight * x : x),
    words: (x, _, weight, value) =>
      value < 0 ? `${x} is negative: ${significant(weight)} × (${x})` : `${x} stays`,
  },
  elu: {
    compute: (x, settings) => (x > 0 ? x : settings.alpha * Math.expm1(x)),
    words: (x, settings, _, value) =>
      value > 0 ? `${x} stays` : `${settings.alpha} × (e^(${x}) - 1)`,
  },
  selu: {
    compute: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    words: (x, _settings, _weight, value) =>
      value > 0 ? `1.0507 × ${x}` : `1.0507 × 1.6733 × (e^(${x}) - 1)`,
  },
  clip: {
    compute: (x, settings) => Math.min(Math.max(x, settings.minimum), settings.maximum),
    words: (x, settings) =>
      `${x}, but at least ${settings.minimum} and at most ${settings.maximum}`,
  },
  sigmoid: {
    compute: sigmoidOf,
    words: (x) => `1 / (1 + e^-(${x}))`,
  },
  tanh: {
    compute: Math.tanh,
    words: (x) => `tanh(${x})`,
  },
  reciprocal: {
    compute: (x) => 1 / x,
    words: (x) => `1 / ${x}`,
  },
  softsign: {
    compute: (x) => x / (1 + Math.abs(x)),
    words: (x) => `${x} / (1 + |${x}|)`,
  },
  silu: {
    compute: (x) => x * sigmoidOf(x),
    words: (x) => `${x} / (1 + e^-(${x}))`,
  },
  mish: {
    compute: (x) => x * Math.tanh(softplusOf(x)),
    words: (x) => `${x} × tanh(ln(1 + e^(${x})))`,
  },
  hard_swish: {
    compute: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    words: (x) => `${x} × (${x} + 3, but at least 0 and at most 6) / 6`,
  },
  hard_sigmoid: {
    compute: (x, settings) =>
      Math.min(Math.max((settings.slope ?? 1 / 6) * x + (settings.offset ?? 0.5), 0), 1),
    words: (x, settings) =>
      `${significant(settings.slope ?? 1 / 6)} × (${x}) + ${settings.offset ?? 0.5}, ` +
      "but at least 0 and at most 1",
  },
  hard_shrink: {
    compute: (x, settings) => (Math.abs(x) <= settings.threshold ? 0 : x),
    words: (x, settings) => `${x} where its magnitude is above ${settings.threshold}, else 0`,
  },
  soft_shrink: {
    compute: (x, settings) => x - Math.min(Math.max(x, -settings.threshold), settings.threshold),
    words: (x, settings) => `${x}, nearer to 0 by up to ${settings.threshold}`,
  },
  softplus: {
    compute: softplusOf,
    words: (x) => `ln(1 + e^(${x}))`,
  },
  gelu: {
    compute: (x, settings) =>
      settings.approximate === "tanh"
        ? (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + GELU_CUBE * x ** 3)))
        : (x / 2) * errorFunctionComplement(-x / Math.SQRT2),
    words: (x) => `${x} × the probability that a normal random number is below ${x}`,
  },
  dropout: {
    compute: (x) => x,
    words: (x) => `${x} stays: dropout works in training only`,
  },
};

/**
 * Whether a kind of layer has a formula here.
 * @param {string} kind
 * @returns {boolean}
 */
export function hasFormula(kind) {
  return kind in FORMULAS;
}

/**
 * The value of an activation in double precision.
 * @param {string} kind
 * @param {number} x
 * @param {Record<string, any>} settings
 * @param {number} weight slope of a PReLU
 * @returns {number}
 */
export function formulaValue(kind, x, settings, weight) {
  return FORMULAS[kind].compute(x, settings, weight);
}

/**
 * The formula of an activation with a number in it.
 * @param {string} kind
 * @param {number} x
 * @param {Record<string, any>} settings
 * @param {number} weight slope of a PReLU
 * @returns {string}
 */
export function formulaText(kind, x, settings, weight) {
  return FORMULAS[kind].words(significant(x), settings, weight, x);
}

/** @param {number} x */
function sigmoidOf(x) {
  return 1 / (1 + Math.exp(-x));
}

/** @param {number} x */
function softplusOf(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * 1 - erf(x), by its series near zero and its continued fraction elsewhere.
 * @param {number} x
 * @returns {number}
 */
function errorFunctionComplement(x) {
  if (x < 0) return 2 - errorFunctionComplement(-x);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let k = 1; k < 60; k++) {
      term *= (-x * x) / k;
      sum += term / (2 * k + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}
