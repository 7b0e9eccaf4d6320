// Grad-CAM of one image, as cnnx.explain.grad_cam computes it.

import { CnnxError } from "./core.js";
import { elementCount } from "./network.js";

/**
 * @param {import("./network.js").Network} network
 * @param {Uint8Array} pixels an image of the model's size
 * @param {number} classIndex
 * @returns {{layer: string, values: Float32Array}} the last layer with maps, and one number from 0
 *   to 1 for each pixel of the image
 */
export function gradCam(network, pixels, classIndex) {
  const [height, width] = network.header.inputShape;
  const layer = lastLayerWithMaps(network);
  const outputs = elementCount(network.shapes.get(network.header.output) ?? [1]);
  const gradOutputs = new Float32Array(outputs);
  // A single output is the score of the second class.
  if (outputs === 1) gradOutputs[0] = classIndex === 1 ? 1 : -1;
  else gradOutputs[classIndex] = 1;
  const gradients = network.gradients(pixels, gradOutputs, layer);
  const maps = network.layerOutputs(pixels, [layer])[layer];
  const [rows, columns, channels] = /** @type {number[]} */ (network.shapes.get(layer));
  const weights = new Float64Array(channels);
  gradients.forEach((gradient, i) => {
    weights[i % channels] += gradient / (rows * columns);
  });
  const sums = new Float64Array(rows * columns);
  maps.forEach((value, i) => {
    sums[Math.floor(i / channels)] += value * weights[i % channels];
  });
  const positive = sums.map((sum) => Math.max(0, sum));
  const largest = Math.max(...positive) || 1;
  return {
    layer,
    values: enlarged(
      positive.map((value) => value / largest),
      [rows, columns],
      [height, width],
    ),
  };
}

/**
 * @param {import("./network.js").Network} network
 * @returns {string}
 */
function lastLayerWithMaps(network) {
  const withMaps = [...network.shapes].filter(([, shape]) => shape.length === 3);
  // A map of one cell says nothing about places.
  const larger = withMaps.filter(([, [rows, columns]]) => rows * columns > 1);
  const [name] = (larger.length ? larger : withMaps).pop() ?? [];
  if (name === undefined) throw new CnnxError("the model has no layer with maps");
  return name;
}

/**
 * Enlarges a map bilinearly; pixel centres are at halves, and the border's value goes on outside.
 *
 * @param {Float64Array} values
 * @param {number[]} from rows and columns
 * @param {number[]} to rows and columns
 * @returns {Float32Array}
 */
function enlarged(values, [rows, columns], [height, width]) {
  const result = new Float32Array(height * width);
  for (let y = 0; y < height; ++y) {
    const [top, bottom, down] = neighbours(y, height, rows);
    for (let x = 0; x < width; ++x) {
      const [left, right, across] = neighbours(x, width, columns);
      const row = (/** @type {number} */ line) =>
        values[line * columns + left] * (1 - across) + values[line * columns + right] * across;
      result[y * width + x] = row(top) * (1 - down) + row(bottom) * down;
    }
  }
  return result;
}

/**
 * @param {number} position of a pixel
 * @param {number} size number of pixels
 * @param {number} cells number of cells of the map
 * @returns {[number, number, number]} the cells before and after, and the weight of the latter
 */
function neighbours(position, size, cells) {
  const centre = Math.min(Math.max(((position + 0.5) * cells) / size - 0.5, 0), cells - 1);
  const before = Math.floor(centre);
  return [before, Math.min(before + 1, cells - 1), centre - before];
}
