// The image as the network reads it: pixels from 0 to 1, moved and stretched by the preprocessing.

import { valueAt } from "./cells.js";
import { element } from "./dom.js";
import { IMAGE } from "./network_state.js";
import { numberGrid } from "./number_grid.js";
import { addedText, significant, sizeText } from "./numbers.js";
import { cellsAt } from "./windows.js";

/** @typedef {import("./network_state.js").NetworkState} NetworkState */

const AROUND = 3; // cells on each side of a pixel

/**
 * What the network reads, in words.
 * @param {NetworkState} state
 * @returns {string}
 */
export function imageSentence(state) {
  const [height, width, channels] = state.info.inputShape;
  /** @type {Record<number, string>} */
  const numbers = {
    1: "one number per pixel",
    3: "three numbers per pixel, for red, green and blue",
  };
  const counts = numbers[channels] ?? `${channels} numbers per pixel`;
  const { mean, std } = state.info;
  const size = sizeText(height, width);
  const read = `The network reads ${size} pixels: ${counts}, from 0 for dark to 1 for bright.`;
  if (mean.every((each) => each === 0) && std.every((each) => each === 1)) return read;
  const [means, deviations] = [mean, std].map((values) => values.map(significant).join(", "));
  return (
    `${read} From each the mean (${means}) is subtracted, and the difference is divided by the ` +
    `standard deviation (${deviations}), so that dark is below zero and bright above.`
  );
}

/**
 * A pixel as numbers, with its neighbours.
 * @param {NetworkState} state
 * @param {number[]} index
 * @returns {import("./dom.js").Child[]}
 */
export function pixelMarkup(state, index) {
  const numbers = state.numbersOf(IMAGE);
  const [row, column, channel] = index;
  const around = Array.from({ length: 2 * AROUND + 1 }, (_, k) => k - AROUND);
  const rows = around.map((step) => row + step);
  const columns = around.map((step) => column + step);
  const window = cellsAt(rows, columns, numbers, channel, 1);
  const marked = AROUND * around.length + AROUND;
  const pixel = state.pixels[(row * numbers.shape[1] + column) * numbers.shape[2] + channel];
  const { mean, std } = state.info;
  const [middle, deviation] = [mean, std].map((values) => values[channel] ?? values[0]);
  const share = significant(pixel / 255);
  const isPlain = middle === 0 && deviation === 1;
  const formula = isPlain
    ? `${pixel} of 255 = `
    : `(${addedText([share, significant(-middle)])}) / ${significant(deviation)} = `;
  return [
    element(
      "div",
      { class: "row" },
      numberGrid(window.values, around.length, "the pixel and its neighbours", {
        inside: window.inside,
        marked,
      }),
      element(
        "p",
        null,
        element("b", null, "Pixel"),
        `: ${formula}`,
        element("span", { class: "result" }, significant(valueAt(numbers, index))),
      ),
    ),
  ];
}
