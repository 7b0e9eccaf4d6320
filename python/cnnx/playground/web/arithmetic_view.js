// The arithmetic of a marked cell as markup: align, multiply, add.

import { strongestOf, sumOf } from "./cells.js";
import { element } from "./dom.js";
import { titleOf } from "./layer_texts.js";
import { bar, framedMap, numberGrid } from "./number_grid.js";
import { addedText, counted, decimalsOf, fixed } from "./numbers.js";
import { largestOf, significant, sizeText } from "./numbers.js";

/**
 * @typedef {import("./dom.js").Child} Child
 * @typedef {import("./arithmetic.js").Explanation} Explanation
 * @typedef {import("./network_state.js").LayerInfo} LayerInfo
 * @typedef {import("./network_state.js").NetworkState} NetworkState
 * @typedef {{explanation: Explanation, layer: LayerInfo, index: number[], state: NetworkState}}
 *   Shown
 */

const MOST_SPELLED_OUT = 3; // maps whose products are drawn
const MOST_TERMS = 8; // of a list
const MOST_CELLS = 64; // of a window that is drawn as a grid

/** @type {Record<string, (shown: Shown, steps: any) => Child[]>} */
const VIEWS = {
  window: windowView,
  list: listView,
  maximum: maximumView,
  mean: meanView,
  interpolation: interpolationView,
  formula: (shown, steps) => [resultLine(capital(titleOf(shown.layer)), steps.text, shown)],
  normalisation: normalisationView,
  globalResponse: globalResponseView,
  quotient: quotientView,
  response: responseView,
  scale: scaleView,
  sum: (shown, steps) => [resultLine("Add", addedText(steps.values.map(significant)), shown)],
  product: (shown, steps) => [
    resultLine("Multiply", steps.values.map(significant).join(" × "), shown),
  ],
  largest: (shown, steps) => [
    resultLine("Largest of", steps.values.map(significant).join(", "), shown),
  ],
  copy: copyView,
  trained: (shown) => [resultLine("A number from training", "the same for every image", shown)],
  softmax: softmaxView,
  named: (shown) => [resultLine(capital(titleOf(shown.layer)), "not spelled out here", shown)],
};

/**
 * The steps that made a cell.
 * @param {Shown} shown
 * @returns {Child[]}
 */
export function arithmeticMarkup(shown) {
  return VIEWS[shown.explanation.steps.form](shown, shown.explanation.steps);
}

/**
 * The largest terms of a sum of a list, the others together, and the result.
 * @param {import("./arithmetic.js").ListSum} steps
 * @param {(k: number) => string} entryText
 * @param {string} place words for the result
 * @param {number} result
 * @returns {Child}
 */
export function termsTable(steps, entryText, place, result) {
  const { values, weights, products, bias } = steps;
  const order = strongestOf(products, MOST_TERMS);
  const decimals = decimalsOf(products) + 1;
  const strongest = largestOf(products);
  const rows = order.map((k) => [
    entryText(k),
    significant(values[k]),
    significant(weights[k]),
    fixed(products[k], decimals),
    bar(products[k] / strongest),
  ]);
  const others = products.length - order.length;
  if (others > 0) {
    const rest = sumOf(products) - sumOf(order.map((k) => products[k]));
    const name = `the other ${counted(others)} together`;
    rows.push([name, "", "", fixed(rest, decimals), bar(rest / strongest)]);
  }
  if (bias !== null) rows.push(["bias", "", "", fixed(bias, decimals), bar(bias / strongest)]);
  const cells = (/** @type {Child[]} */ row) =>
    row.map((cell, k) =>
      k === 0
        ? element("th", { scope: "row" }, cell)
        : element("td", { class: k < 4 ? "number" : "bars" }, cell),
    );
  const total = [
    element("b", null, place),
    "",
    "",
    element("b", null, fixed(result, decimals)),
    "",
  ];
  const names = [steps.entries, "number", `× ${steps.factors}`, "= product"];
  const titles = names.map((name, k) =>
    element("th", { scope: "col", class: k ? "number" : null }, name),
  );
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      { class: "terms" },
      element("thead", null, element("tr", null, titles, element("td", { class: "bars" }))),
      element(
        "tbody",
        null,
        rows.map((row) => element("tr", null, cells(row))),
      ),
      element("tfoot", null, element("tr", null, cells(total))),
    ),
  );
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").WindowSum) => Child[]} */
function windowView(shown, steps) {
  const { window, weights, products, byMap, bias, first } = steps;
  const { explanation, layer, index, state } = shown;
  const maps = byMap.length;
  const most = maps > MOST_SPELLED_OUT + 1 ? MOST_SPELLED_OUT : maps;
  const chosen = strongestOf(byMap, most);
  const decimals = decimalsOf(byMap) + 1;
  const source = layer.inputs[0];
  const frame = explanation.reads[0].frame;
  const columns = window.columns.length;
  const isCut = window.inside.includes(false);
  const lines = chosen.map((each) => {
    const of = (/** @type {ArrayLike<number>} */ values) =>
      Float64Array.from({ length: values.length / maps }, (_, k) => values[k * maps + each]);
    const name = state.mapText(source, first + each);
    const operands = [
      [
        "→",
        numberGrid(
          of(window.values),
          columns,
          `line up: the window${isCut ? ", 0 beyond the edge" : ""}`,
          { inside: window.inside },
        ),
      ],
      ["×", numberGrid(of(weights), columns, `multiply: filter ${index[2]}`)],
      ["=", numberGrid(of(products), columns, `add: ${fixed(byMap[each], decimals)}`)],
    ];
    return element(
      "div",
      { class: "row" },
      frame && framedMap(state.numbersOf(source), first + each, frame, name),
      operands.map(([sign, grid]) =>
        element("div", { class: "operand" }, element("span", { class: "sign" }, sign), grid),
      ),
    );
  });
  const terms = chosen.map((each) => fixed(byMap[each], decimals));
  if (maps > most) {
    const rest = sumOf(byMap) - sumOf(chosen.map((each) => byMap[each]));
    terms.push(`${fixed(rest, decimals)} (the other ${counted(maps - most)} maps)`);
  }
  if (bias !== null) terms.push(`${fixed(bias, decimals)} (bias)`);
  const text = terms.length > 1 ? addedText(terms) : "of the products";
  return [lines, line("Sum", text, fixed(explanation.result, decimals))];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").ListSum) => Child[]} */
function listView({ explanation, layer, index, state }, steps) {
  const source = layer.inputs[0];
  const texts = {
    map: (/** @type {number} */ k) => state.mapText(source, steps.first + k),
    entry: (/** @type {number} */ k) => state.entryText(source, k),
    column: (/** @type {number} */ k) => `column ${k}`,
  };
  const place = state.placeText(layer.name, index);
  return [termsTable(steps, texts[steps.entries], place, explanation.result)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Maximum) => Child[]} */
function maximumView(shown, { window, place }) {
  const grid = numberGrid(window.values, window.columns.length, windowText(window), {
    inside: window.inside,
    marked: place,
  });
  const result = resultLine("Max pooling", "the largest number of the window", shown);
  return [besideGrid(grid, result)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Mean) => Child[]} */
function meanView(shown, { window, sum, divisor }) {
  const isPool = shown.layer.kind === "avg_pool2d";
  const name = isPool ? "Average pooling" : "Mean";
  const result = resultLine(name, `${significant(sum)} / ${counted(divisor)} cells`, shown);
  if (window.values.length > MOST_CELLS) return [result];
  const options = { inside: window.inside };
  const grid = numberGrid(window.values, window.columns.length, windowText(window), options);
  return [besideGrid(grid, result)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Interpolation) => Child[]} */
function interpolationView(shown, { window, weights }) {
  const terms = Array.from(
    weights,
    (weight, k) => `${significant(window.values[k])} × ${significant(weight)}`,
  );
  return [resultLine("Between four cells", addedText(terms), shown)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Normalisation) => Child[]} */
function normalisationView(shown, steps) {
  const moved = addedText([significant(steps.value), significant(-steps.mean)]);
  const scaled = `(${moved}) / ${significant(steps.deviation)} × ${significant(steps.weight)}`;
  const text = addedText([scaled, significant(steps.bias)]);
  const origin = steps.over ? `of ${counted(steps.over)} numbers of this image` : "from training";
  return [
    resultLine(capital(titleOf(shown.layer)), text, shown),
    element(
      "p",
      { class: "faint" },
      `Mean ${significant(steps.mean)} and deviation ${significant(steps.deviation)} are ` +
        `${origin}, the factor ${significant(steps.weight)} and the shift ` +
        `${significant(steps.bias)} are learned.`,
    ),
  ];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").GlobalResponse) => Child[]} */
function globalResponseView(shown, { value, norm, divisor, weight, bias }) {
  const norms = `${significant(norm)} / ${significant(divisor)}`;
  const product = `${significant(value)} × ${significant(weight)} × ${norms}`;
  const text = addedText([significant(value), product, significant(bias)]);
  return [resultLine("Global response norm", text, shown)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Quotient) => Child[]} */
function quotientView(shown, { value, divisor, weight, count }) {
  const quotient = `${significant(value)} / ${significant(divisor)}`;
  const text = weight === null ? quotient : `${quotient} × ${significant(weight)}`;
  const kind = shown.layer.kind === "l2_norm" ? "sum" : "mean";
  const origin = `the root of the ${kind} of ${counted(count)} squares, those of the place`;
  return [
    resultLine(capital(titleOf(shown.layer)), text, shown),
    element("p", { class: "faint" }, `${significant(divisor)} is ${origin}.`),
  ];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Response) => Child[]} */
function responseView(shown, { value, squares, settings }) {
  const { k, alpha, beta, size } = settings;
  const divisor = `(${significant(k)} + ${significant(alpha)} / ${size} × ${significant(squares)})`;
  const text = `${significant(value)} / ${divisor}^${significant(beta)}`;
  return [resultLine("Local response norm", text, shown)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Scale) => Child[]} */
function scaleView(shown, { value, weight, bias }) {
  const product = `${significant(value)} × ${significant(weight)}`;
  const text = bias === null ? product : addedText([product, significant(bias)]);
  return [resultLine("Scale and shift", text, shown)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Copy) => Child[]} */
function copyView(shown, { input, index }) {
  const source = shown.layer.inputs[input];
  const text = index
    ? `${shown.state.placeText(source, index)} of ${source === "input" ? "the image" : source}`
    : "a zero of the border";
  return [resultLine("The same number", text, shown)];
}

/** @type {(shown: Shown, steps: import("./arithmetic.js").Softmax) => Child[]} */
function softmaxView(shown, { value, largest, sum, count, isLogarithm }) {
  const shifted = addedText([significant(value), significant(-largest)]);
  const text = isLogarithm
    ? `${shifted} - ln(${significant(sum)})`
    : `e^(${shifted}) / ${significant(sum)}`;
  const origin = `the sum of ${counted(count)} such powers, after the largest score was subtracted`;
  return [
    resultLine(capital(titleOf(shown.layer)), text, shown),
    element("p", { class: "faint" }, `${significant(sum)} is ${origin}.`),
  ];
}

/**
 * @param {Child} grid
 * @param {Child} result
 * @returns {Child}
 */
function besideGrid(grid, result) {
  return element(
    "div",
    { class: "row" },
    grid,
    element("div", { class: "operand" }, element("span", { class: "sign" }, "→"), result),
  );
}

/**
 * @param {string} name
 * @param {string} text
 * @param {Shown} shown
 * @returns {Child}
 */
function resultLine(name, text, shown) {
  return line(name, text, significant(shown.explanation.result));
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} value
 * @returns {Child}
 */
function line(name, text, value) {
  return element(
    "p",
    null,
    element("b", null, name),
    `: ${text} = `,
    element("span", { class: "result" }, value),
  );
}

/** @param {import("./windows.js").Window} window */
function windowText(window) {
  return `a window of ${sizeText(window.rows.length, window.columns.length)}`;
}

/** @param {string} text */
function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
