// The arithmetic of layers that move and stretch numbers, and of softmax.

import { single, sumOf, valueAt } from "./cells.js";
import { entryOf } from "./moved_cells.js";

/**
 * @typedef {import("./arithmetic.js").Cell} Cell
 * @typedef {import("./arithmetic.js").CellSteps} CellSteps
 * @typedef {import("./arithmetic.js").Steps} Steps
 * @typedef {import("./windows.js").Numbers} Numbers
 */

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function batchNormSteps({ settings, index, inputs, arrays }) {
  const channel = index[index.length - 1];
  const deviation = Math.sqrt(arrays.running_variance[channel] + settings.epsilon);
  return normalised(inputs[0], index, arrays.running_mean[channel], deviation, arrays, 0);
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function groupNormSteps({ kind, settings, index, inputs, arrays }) {
  const [x] = inputs;
  const channels = x.shape[x.shape.length - 1];
  const each = kind === "group_norm" ? channels / settings.groups : channels;
  const first = Math.floor(index[index.length - 1] / each) * each;
  const place = entryOf([...index.slice(0, -1), 0], x.shape);
  // A layer norm reads one place, a group norm all places.
  const starts = kind === "group_norm" ? x.values.length / channels : 1;
  const numbers = [];
  for (let k = 0; k < starts; k++) {
    const start = (kind === "group_norm" ? k * channels : place) + first;
    numbers.push(...x.values.subarray(start, start + each));
  }
  const mean = sumOf(numbers) / numbers.length;
  const variance = sumOf(numbers.map((value) => (value - mean) ** 2)) / numbers.length;
  const deviation = Math.sqrt(variance + settings.epsilon);
  return normalised(x, index, mean, deviation, arrays, numbers.length);
}

/**
 * @param {Numbers} x
 * @param {number[]} index
 * @param {number} mean
 * @param {number} deviation
 * @param {Record<string, Float32Array>} arrays
 * @param {number} over how many numbers of this image mean and deviation are of; 0 if of none
 */
function normalised(x, index, mean, deviation, arrays, over) {
  const channel = index[index.length - 1];
  const value = valueAt(x, index);
  const weight = arrays.weight ? arrays.weight[channel] : 1;
  const bias = arrays.bias ? arrays.bias[channel] : 0;
  const computed = ((value - mean) / deviation) * weight + bias;
  /** @type {Steps} */
  const steps = { form: "normalisation", value, mean, deviation, weight, bias, over };
  return { steps, computed, reads: [single(0, index)] };
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function globalResponseSteps({ settings, index, inputs, arrays }) {
  const [x] = inputs;
  const channels = x.shape[x.shape.length - 1];
  const squares = new Array(channels).fill(0);
  x.values.forEach((value, k) => (squares[k % channels] += value ** 2));
  const norms = squares.map(Math.sqrt);
  const divisor = sumOf(norms) / channels + settings.epsilon;
  const channel = index[index.length - 1];
  const value = valueAt(x, index);
  const norm = norms[channel];
  const weight = arrays.weight[channel];
  const bias = arrays.bias[channel];
  /** @type {Steps} */
  const steps = { form: "globalResponse", value, norm, divisor, weight, bias };
  const computed = value + (weight * value * norm) / divisor + bias;
  return { steps, computed, reads: [single(0, index)] };
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function rootNormSteps({ kind, settings, index, inputs, arrays }) {
  const [x] = inputs;
  const count = x.shape[x.shape.length - 1];
  const start = entryOf([...index.slice(0, -1), 0], x.shape);
  const squares = sumOf(Float64Array.from(x.values.subarray(start, start + count), (v) => v * v));
  const divisor =
    kind === "l2_norm"
      ? Math.max(Math.sqrt(squares), settings.epsilon)
      : Math.sqrt(squares / count + settings.epsilon);
  const value = valueAt(x, index);
  const weight = arrays.weight ? arrays.weight[index[index.length - 1]] : null;
  /** @type {Steps} */
  const steps = { form: "quotient", value, divisor, weight, count };
  return { steps, computed: (value / divisor) * (weight ?? 1), reads: [single(0, index)] };
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function responseSteps({ settings, index, inputs }) {
  const [x] = inputs;
  const channel = index[index.length - 1];
  const start = channel - Math.floor((settings.size - 1) / 2);
  let squares = 0;
  for (let k = start; k < start + settings.size; k++) {
    const lies = k >= 0 && k < x.shape[x.shape.length - 1];
    if (lies) squares += valueAt(x, [...index.slice(0, -1), k]) ** 2;
  }
  const value = valueAt(x, index);
  const divisor = (settings.k + (settings.alpha / settings.size) * squares) ** settings.beta;
  /** @type {Steps} */
  const steps = { form: "response", value, squares, settings };
  return { steps, computed: value / divisor, reads: [single(0, index)] };
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function scaleSteps({ index, inputs, arrays }) {
  const channel = index[index.length - 1];
  const value = valueAt(inputs[0], index);
  const weight = arrays.weight[channel];
  const bias = arrays.bias ? arrays.bias[channel] : null;
  /** @type {Steps} */
  const steps = { form: "scale", value, weight, bias };
  return { steps, computed: value * weight + (bias ?? 0), reads: [single(0, index)] };
}

/**
 * @param {Cell} cell
 * @returns {CellSteps}
 */
export function softmaxSteps({ kind, index, inputs }) {
  const [x] = inputs;
  const count = x.shape[x.shape.length - 1];
  const start = entryOf([...index.slice(0, -1), 0], x.shape);
  const scores = x.values.subarray(start, start + count);
  const value = valueAt(x, index);
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const sum = sumOf(Float64Array.from(scores, (score) => Math.exp(score - largest)));
  const isLogarithm = kind === "log_softmax";
  const shifted = value - largest;
  const computed = isLogarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
  /** @type {Steps} */
  const steps = { form: "softmax", value, largest, sum, count, isLogarithm };
  return { steps, computed, reads: [single(0, index)] };
}
