// Tables of numbers in coloured cells, and maps with a frame around a window.

import { cellStyle, paintMap } from "./colours.js";
import { element } from "./dom.js";
import { boxStyle } from "./map_grid.js";
import { decimalsOf, fixed, largestOf } from "./numbers.js";

const WIDE = 7; // columns of a grid that may have to be scrolled on a phone

/**
 * @typedef {import("./dom.js").Description} Description
 * @typedef {import("./windows.js").Numbers} Numbers
 */

/**
 * A table of numbers in coloured cells.
 * @param {ArrayLike<number>} values row by row
 * @param {number} columns
 * @param {string} caption
 * @param {{inside?: boolean[], marked?: number}} [options] which cells lie in the map, and the
 *   place of a cell with a frame
 * @returns {Description}
 */
export function numberGrid(values, columns, caption, options = {}) {
  const strongest = largestOf(values);
  const decimals = decimalsOf(values);
  const rows = [];
  for (let start = 0; start < values.length; start += columns) {
    const cells = [];
    for (let k = start; k < start + columns; k++) {
      const names = [
        options.inside && !options.inside[k] ? "outside" : "",
        options.marked === k ? "marked" : "",
      ];
      const style = cellStyle(values[k], strongest);
      cells.push(
        element("td", { class: names.join(" ").trim() || null, style }, fixed(values[k], decimals)),
      );
    }
    rows.push(element("tr", null, cells));
  }
  const table = element("table", { class: "grid" }, element("tbody", null, rows));
  return element(
    "figure",
    null,
    element("div", { class: "scroll", tabindex: columns > WIDE ? 0 : null }, table),
    element("figcaption", null, caption),
  );
}

/**
 * One map as a small image with a frame around some of its cells.
 * @param {Numbers} numbers
 * @param {number} map
 * @param {{top: number, left: number, rows: number, columns: number}} frame
 * @param {string} caption
 * @returns {Description}
 */
export function framedMap(numbers, map, frame, caption) {
  const [height, width, maps] = numbers.shape;
  const side = 132 / Math.max(height, width);
  const style = `width:${Math.round(side * width)}px;aspect-ratio:${width}/${height}`;
  const draw = (/** @type {HTMLCanvasElement} */ canvas) => {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const image = new ImageData(width, height);
    const own = Float32Array.from(
      { length: width * height },
      (_, k) => numbers.values[k * maps + map],
    );
    paintMap(image, own, 0, 1, largestOf(own));
    context?.putImageData(image, 0, 0);
  };
  const canvas = element("canvas", {
    role: "img",
    "aria-label": `${caption} with the window`,
    draw,
  });
  const box = element("span", { class: "frame", style: boxStyle(frame, height, width) });
  return element(
    "figure",
    { class: "source" },
    element("div", { class: "tile", style }, canvas, box),
    element("figcaption", null, caption),
  );
}

/**
 * A bar for a number from -1 to 1, orange for positive ones and blue for negative ones.
 * @param {number} fraction
 * @returns {Description}
 */
export function bar(fraction) {
  const width = Math.min(Math.abs(fraction) * 100, 100).toFixed(1);
  const sign = fraction < 0 ? "negative" : "positive";
  return element(
    "span",
    { class: "bar-track", "aria-hidden": "true" },
    element("span", { class: `bar ${sign}`, style: `width:${width}%` }),
  );
}
