// The arithmetic of single numbers: which values a layer multiplied and added for one cell.

import { single, strongestOf, sumOf, valueAt } from "./cells.js";
import { formulaText, formulaValue, hasFormula } from "./formulas.js";
import { entryOf, interpolationOf, movesCells, sourceOf } from "./moved_cells.js";
import { batchNormSteps, globalResponseSteps, groupNormSteps, responseSteps } from "./normalisation.js";
import { rootNormSteps, scaleSteps, softmaxSteps } from "./normalisation.js";
import { cellsAt, divisorOf, placementOf, windowOf } from "./windows.js";

/**
 * @typedef {import("./windows.js").Numbers} Numbers
 * @typedef {import("./windows.js").Window} Window
 *
 * One number of a layer's output, (row, column, map) or (entry), and everything that made it.
 * @typedef {{kind: string, settings: Record<string, any>, index: number[], inputs: Numbers[],
 *   arrays: Record<string, Float32Array>, output: Numbers}} Cell
 *
 * Cells of an input that were read: a frame in some successive maps, or entries of a list.
 * @typedef {{input: number, frame?: {top: number, left: number, rows: number, columns: number},
 *   first: number, count: number, entries?: number[]}} Reads
 *
 * @typedef {{form: "window", window: Window, first: number, weights: Float32Array,
 *   products: Float64Array, byMap: Float64Array, bias: number | null}} WindowSum
 * @typedef {{form: "list", values: Float32Array, weights: Float32Array, products: Float64Array,
 *   bias: number | null, first: number, entries: "map" | "entry" | "column",
 *   factors: "weight" | "number"}} ListSum
 * @typedef {{form: "maximum", window: Window, place: number}} Maximum
 * @typedef {{form: "mean", window: Window, sum: number, divisor: number}} Mean
 * @typedef {{form: "interpolation", window: Window, weights: Float32Array}} Interpolation
 * @typedef {{form: "formula", text: string}} Formula
 * @typedef {{form: "normalisation", value: number, mean: number, deviation: number,
 *   weight: number, bias: number, over: number}} Normalisation
 * @typedef {{form: "globalResponse", value: number, norm: number, divisor: number,
 *   weight: number, bias: number}} GlobalResponse
 * @typedef {{form: "quotient", value: number, divisor: number, weight: number | null,
 *   count: number}} Quotient
 * @typedef {{form: "response", value: number, squares: number, settings: Record<string, any>}}
 *   Response
 * @typedef {{form: "scale", value: number, weight: number, bias: number | null}} Scale
 * @typedef {{form: "sum" | "product" | "largest", values: number[]}} Combination
 * @typedef {{form: "copy", value: number, input: number, index: number[] | null}} Copy
 * @typedef {{form: "trained", value: number}} Trained
 * @typedef {{form: "softmax", value: number, largest: number, sum: number, count: number,
 *   isLogarithm: boolean}} Softmax
 * @typedef {{form: "named"}} Named
 * @typedef {WindowSum | ListSum | Maximum | Mean | Interpolation | Formula | Normalisation |
 *   GlobalResponse | Quotient | Response | Scale | Combination | Copy | Trained | Softmax | Named} Steps
 *
 * The steps of a cell, their result in double precision (NaN where they are not spelled out), and
 * the cells that were read. An explanation also has the layer's own result.
 * @typedef {{steps: Steps, computed: number, reads: Reads[]}} CellSteps
 * @typedef {CellSteps & {result: number}} Explanation
 */

/** @type {Record<string, (cell: Cell) => CellSteps>} */
const EXPLAINED = {
  conv2d: convolutionSteps,
  dense: denseSteps,
  matmul: matmulSteps,
  max_pool2d: maximumSteps,
  avg_pool2d: meanSteps,
  adaptive_avg_pool2d: adaptiveMeanSteps,
  global_avg_pool2d: globalMeanSteps,
  batch_norm2d: batchNormSteps,
  group_norm: groupNormSteps,
  layer_norm: groupNormSteps,
  global_response_norm: globalResponseSteps,
  l2_norm: rootNormSteps,
  rms_norm: rootNormSteps,
  lrn: responseSteps,
  scale2d: scaleSteps,
  parameter: trainedSteps,
  add: combinationSteps,
  multiply: combinationSteps,
  maximum: combinationSteps,
  softmax: softmaxSteps,
  log_softmax: softmaxSteps,
};

/**
 * How a cell came about.
 * @param {Cell} cell
 * @returns {Explanation}
 */
export function explainCell(cell) {
  const result = valueAt(cell.output, cell.index);
  const explain = EXPLAINED[cell.kind];
  if (explain) return { ...explain(cell), result };
  if (hasFormula(cell.kind)) return { ...formulaSteps(cell), result };
  if (movesCells(cell.kind, cell.settings)) return { ...copySteps(cell), result };
  if (cell.kind === "upsample2d") return { ...interpolationSteps(cell), result };
  return { steps: { form: "named" }, computed: NaN, result, reads: [] };
}

/**
 * Whether the steps of a cell give the layer's number, up to the rounding of float32 sums.
 * @param {Explanation} explanation
 * @param {number} scale largest absolute number of the layer
 * @returns {boolean}
 */
export function agrees(explanation, scale) {
  const { computed, result } = explanation;
  if (Number.isNaN(computed) || Object.is(computed, result)) return true;
  return Math.abs(computed - result) <= 1e-3 * Math.max(Math.abs(result), 0.1 * scale);
}

/** @param {Cell} cell */
function convolutionSteps({ settings, index, inputs, arrays, output }) {
  const [x] = inputs;
  const filters = output.shape[2];
  const reads = x.shape[2] / settings.groups;
  const first = Math.floor(index[2] / (filters / settings.groups)) * reads;
  const placement = placementOf(settings, x.shape, output.shape);
  const window = windowOf(placement, index, x, first, reads);
  const weights = everyNth(arrays.weight, index[2], filters);
  const products = productsOf(window.values, weights);
  const byMap = new Float64Array(reads);
  products.forEach((product, k) => (byMap[k % reads] += product));
  const bias = arrays.bias ? arrays.bias[index[2]] : null;
  const computed = sumOf(byMap) + (bias ?? 0);
  const cells = [framed(window, first, reads)];
  const factors = "weight";
  /** @type {Steps} */
  const steps =
    placement.kernel[0] * placement.kernel[1] === 1
      ? { form: "list", values: window.values, weights, products, bias, first, entries: "map", factors }
      : { form: "window", window, first, weights, products, byMap, bias };
  return { steps, computed, reads: cells };
}

/** @param {Cell} cell */
function denseSteps({ index, inputs, arrays, output }) {
  const weights = everyNth(arrays.weight, index[0], output.shape[0]);
  const values = inputs[0].values;
  const products = productsOf(values, weights);
  const bias = arrays.bias ? arrays.bias[index[0]] : null;
  /** @type {Omit<ListSum, "values" | "weights" | "products">} */
  const rest = { form: "list", bias, first: 0, entries: "entry", factors: "weight" };
  const steps = { ...rest, values, weights, products };
  const entries = strongestOf(products, 8);
  const reads = [{ input: 0, first: 0, count: values.length, entries }];
  return { steps, computed: sumOf(products) + (bias ?? 0), reads };
}

/** @param {Cell} cell */
function matmulSteps({ settings, index, inputs }) {
  const [x, y] = inputs;
  const [row, i, j] = index;
  const first = lineOf(x, row, i, settings.transposed === "first");
  const second = lineOf(y, row, j, settings.transposed !== "second");
  const products = productsOf(first.values, second.values);
  const entries = settings.transposed === "first" ? "column" : "map";
  /** @type {Steps} */
  const steps = {
    form: "list",
    values: first.values,
    weights: second.values,
    products,
    bias: null,
    first: 0,
    entries,
    factors: "number",
  };
  const reads = [first.reads, { ...second.reads, input: 1 }];
  return { steps, computed: sumOf(products), reads };
}

/**
 * All maps of one pixel of a row, or one map of all its pixels.
 * @param {Numbers} x
 * @param {number} row
 * @param {number} place
 * @param {boolean} isColumn
 */
function lineOf(x, row, place, isColumn) {
  const [, width, maps] = x.shape;
  const columns = isColumn ? rangeOf(0, width) : [place];
  const [first, count] = isColumn ? [place, 1] : [0, maps];
  const window = cellsAt([row], columns, x, first, count);
  return { values: window.values, reads: framed(window, first, count) };
}

/** @param {Cell} cell */
function maximumSteps({ settings, index, inputs, output }) {
  const [x] = inputs;
  const placement = placementOf(settings, x.shape, output.shape);
  const window = windowOf(placement, index, x, index[2], 1);
  let place = window.inside.indexOf(true);
  window.values.forEach((value, k) => {
    if (window.inside[k] && value > window.values[place]) place = k;
  });
  /** @type {Steps} */
  const steps = { form: "maximum", window, place };
  return { steps, computed: window.values[place], reads: [framed(window, index[2], 1)] };
}

/** @param {Cell} cell */
function meanSteps({ settings, index, inputs, output }) {
  const [x] = inputs;
  const placement = placementOf(settings, x.shape, output.shape);
  const window = windowOf(placement, index, x, index[2], 1);
  return meanOf(window, index[2], divisorOf(window, settings, placement, x.shape));
}

/** @param {Cell} cell */
function adaptiveMeanSteps({ index, inputs, output }) {
  const [x] = inputs;
  const [rows, columns] = [0, 1].map((axis) => {
    const [size, parts, part] = [x.shape[axis], output.shape[axis], index[axis]];
    return rangeOf(Math.floor((part * size) / parts), Math.ceil(((part + 1) * size) / parts));
  });
  return meanOf(cellsAt(rows, columns, x, index[2], 1), index[2], rows.length * columns.length);
}

/** @param {Cell} cell */
function globalMeanSteps({ index, inputs }) {
  const [x] = inputs;
  const map = index[index.length - 1];
  const window = cellsAt(rangeOf(0, x.shape[0]), rangeOf(0, x.shape[1]), x, map, 1);
  return meanOf(window, map, window.values.length);
}

/**
 * @param {Window} window
 * @param {number} map
 * @param {number} divisor
 */
function meanOf(window, map, divisor) {
  const sum = sumOf(window.values);
  /** @type {Steps} */
  const steps = { form: "mean", window, sum, divisor };
  return { steps, computed: sum / divisor, reads: [framed(window, map, 1)] };
}

/** @typedef {(a: number, b: number) => number} Combine */
/** @type {Record<string, {form: Combination["form"], combine: Combine}>} */
const COMBINATIONS = {
  add: { form: "sum", combine: (a, b) => a + b },
  multiply: { form: "product", combine: (a, b) => a * b },
  maximum: { form: "largest", combine: (a, b) => Math.max(a, b) },
};

/** @param {Cell} cell */
function combinationSteps({ kind, index, inputs }) {
  const { form, combine } = COMBINATIONS[kind];
  const places = inputs.map(({ shape }) => {
    if (shape.length < index.length) return [index[index.length - 1]];
    return index.map((each, axis) => (shape[axis] === 1 ? 0 : each));
  });
  const values = inputs.map((input, k) => valueAt(input, places[k]));
  const computed = values.reduce(combine);
  /** @type {Steps} */
  const steps = { form, values };
  return { steps, computed, reads: places.map((place, input) => single(input, place)) };
}

/** @param {Cell} cell */
function formulaSteps({ kind, settings, index, inputs, arrays }) {
  const value = valueAt(inputs[0], index);
  const weight = arrays.weight ? arrays.weight[index[index.length - 1]] : 1;
  /** @type {Steps} */
  const steps = { form: "formula", text: formulaText(kind, value, settings, weight) };
  const computed = formulaValue(kind, value, settings, weight);
  return { steps, computed, reads: [single(0, index)] };
}

/** @param {Cell} cell */
function copySteps({ kind, settings, index, inputs, output }) {
  const shapes = inputs.map(({ shape }) => shape);
  const source = sourceOf(kind, settings, index, shapes, output.shape);
  const value = source ? valueAt(inputs[source.input], source.index) : 0;
  const input = source?.input ?? 0;
  /** @type {Steps} */
  const steps = { form: "copy", value, input, index: source?.index ?? null };
  return { steps, computed: value, reads: source ? [single(input, source.index)] : [] };
}

/** @param {Cell} cell */
function trainedSteps({ index, arrays, output }) {
  const value = arrays.weight[entryOf(index, output.shape)];
  /** @type {Steps} */
  const steps = { form: "trained", value };
  return { steps, computed: value, reads: [] };
}

/** @param {Cell} cell */
function interpolationSteps({ settings, index, inputs, output }) {
  const { window, weights } = interpolationOf(settings, index, inputs[0], output.shape);
  /** @type {Steps} */
  const steps = { form: "interpolation", window, weights };
  const computed = sumOf(productsOf(window.values, weights));
  return { steps, computed, reads: [framed(window, index[2], 1)] };
}

/**
 * @param {Window} window
 * @param {number} first
 * @param {number} count
 * @returns {Reads}
 */
function framed(window, first, count) {
  const { rows, columns } = window;
  const frame = {
    top: rows[0],
    left: columns[0],
    rows: rows[rows.length - 1] - rows[0] + 1,
    columns: columns[columns.length - 1] - columns[0] + 1,
  };
  return { input: 0, frame, first, count };
}

/**
 * @param {Float32Array} values
 * @param {number} first
 * @param {number} step
 * @returns {Float32Array}
 */
function everyNth(values, first, step) {
  const chosen = new Float32Array(Math.floor(values.length / step));
  for (let k = 0; k < chosen.length; k++) chosen[k] = values[first + k * step];
  return chosen;
}

/**
 * @param {Float32Array} values
 * @param {Float32Array} weights
 * @returns {Float64Array}
 */
function productsOf(values, weights) {
  return Float64Array.from(values, (value, k) => value * weights[k]);
}

/**
 * @param {number} start
 * @param {number} stop
 * @returns {number[]}
 */
function rangeOf(start, stop) {
  return Array.from({ length: stop - start }, (_, k) => start + k);
}
