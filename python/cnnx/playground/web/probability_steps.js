// From scores to probabilities: softmax or sigmoid of every class, in numbers.

import { element, render } from "./dom.js";
import { bar } from "./number_grid.js";
import { counted, percent, significant } from "./numbers.js";

/** @typedef {import("./network_state.js").NetworkState} NetworkState */

const MOST_CLASSES_SHOWN = 10;

/**
 * Show how the scores of the last run become probabilities.
 * @param {HTMLElement} root
 * @param {NetworkState} state
 */
export function showProbabilitySteps(root, state) {
  const { labels, probabilities, info } = state;
  const temperature = info.temperature;
  const outputs = state.numbersOf(state.scores.name).values;
  const scores = Array.from(outputs, (score) => score / temperature);
  const isSingle = scores.length === 1;
  const last = info.layers[info.layers.length - 1];
  const isIndependent = isSingle || info.probabilities === "sigmoid" || last.kind === "sigmoid";
  const ofLabel = isSingle ? [-scores[0], scores[0]] : scores;
  const largest = Math.max(...ofLabel);
  const powers = ofLabel.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b);
  const order = labels.map((_, k) => k);
  order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const shown = order.slice(0, MOST_CLASSES_SHOWN);
  const divided = temperature === 1 ? "" : ` / ${significant(temperature)}`;
  const header = [
    "class",
    `score${divided}`,
    ...(isIndependent ? [] : ["e^(score - largest)"]),
    isIndependent ? "probability" : `/ ${significant(sum)}`,
  ];
  const rows = shown.map((k) =>
    [
      significant(ofLabel[k]),
      ...(isIndependent ? [] : [significant(powers[k])]),
      percent(probabilities[k]),
    ].map((text) => element("td", { class: "number" }, text)),
  );
  const others = order.length - shown.length;
  render(
    root,
    element("p", null, sentenceOfScores(isIndependent, temperature)),
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "terms" },
        element(
          "thead",
          null,
          element(
            "tr",
            null,
            header.map((name, k) =>
              element("th", { scope: "col", class: k ? "number" : null }, name),
            ),
            element("td", { class: "bars" }),
          ),
        ),
        element(
          "tbody",
          null,
          shown.map((k, row) =>
            element(
              "tr",
              null,
              element("th", { scope: "row" }, labels[k]),
              rows[row],
              element("td", { class: "bars" }, bar(probabilities[k])),
            ),
          ),
        ),
      ),
    ),
    others > 0 && element("p", { class: "faint" }, `and ${counted(others)} other classes`),
  );
}

/**
 * @param {boolean} isIndependent
 * @param {number} temperature
 * @returns {string}
 */
function sentenceOfScores(isIndependent, temperature) {
  const divided =
    temperature === 1
      ? ""
      : `The scores are divided by the model's temperature, ${significant(temperature)}, which ` +
        "fits probabilities to accuracies. ";
  const rule = isIndependent
    ? "Each score becomes a probability: 1 / (1 + e to the power of minus the score), which is " +
      "near 0 for very negative scores and near 1 for large ones."
    : "Softmax makes probabilities of the scores: e to the power of each score, divided by the " +
      "sum of all these powers. They are positive and add up to 1. The table subtracts the " +
      "largest score first, which changes no probability.";
  return divided + rule;
}
