// Single cells of arrays: their values, sums, and which of them are strongest.

import { entryOf } from "./moved_cells.js";

/**
 * @typedef {import("./arithmetic.js").Reads} Reads
 * @typedef {import("./windows.js").Numbers} Numbers
 */

/**
 * Indices of the numbers with the largest absolute values, the largest first.
 * @param {ArrayLike<number>} values
 * @param {number} most
 * @returns {number[]}
 */
export function strongestOf(values, most) {
  /** @type {number[]} */
  const strongest = [];
  for (let k = 0; k < values.length; k++) {
    const size = Math.abs(values[k]);
    const isFull = strongest.length === most;
    if (isFull && size <= Math.abs(values[strongest[most - 1]])) continue;
    if (isFull) strongest.pop();
    let place = strongest.length;
    while (place > 0 && Math.abs(values[strongest[place - 1]]) < size) place--;
    strongest.splice(place, 0, k);
  }
  return strongest;
}

/**
 * The sum of numbers in double precision.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function sumOf(values) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  return sum;
}

/**
 * One cell that was read.
 * @param {number} input
 * @param {number[]} index
 * @returns {Reads}
 */
export function single(input, index) {
  if (index.length === 1) return { input, first: 0, count: 0, entries: index };
  const frame = { top: index[0], left: index[1], rows: 1, columns: 1 };
  return { input, frame, first: index[2], count: 1 };
}

/**
 * A number of an array by its place.
 * @param {Numbers} numbers
 * @param {number[]} index
 * @returns {number}
 */
export function valueAt(numbers, index) {
  return numbers.values[entryOf(index, numbers.shape)];
}
