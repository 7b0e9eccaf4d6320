// Layers that only move numbers: which cell of which input a cell was copied from.

import { cellsAt } from "./windows.js";

/**
 * @typedef {import("./windows.js").Numbers} Numbers
 * @typedef {{input: number, index: number[]} | null} Source null is a zero of the padding
 */

const MOVED = new Set([
  "flatten",
  "reshape",
  "concat",
  "zero_pad2d",
  "pad2d",
  "crop2d",
  "channel_shuffle",
  "slice_channels",
  "depth_to_space",
  "space_to_depth",
]);

/**
 * Whether a layer copies each of its cells from one cell below.
 * @param {string} kind
 * @param {Record<string, any>} settings
 * @returns {boolean}
 */
export function movesCells(kind, settings) {
  return MOVED.has(kind) || (kind === "upsample2d" && settings.mode === "nearest");
}

/**
 * The cell that a cell was copied from.
 * @param {string} kind
 * @param {Record<string, any>} settings
 * @param {number[]} index
 * @param {number[][]} inShapes
 * @param {number[]} outShape
 * @returns {Source}
 */
export function sourceOf(kind, settings, index, inShapes, outShape) {
  const shape = inShapes[0];
  const channel = index[index.length - 1];
  const places = index.slice(0, -1);
  switch (kind) {
    case "flatten":
      return { input: 0, index: placeOf(channel, shape) };
    case "reshape":
      return { input: 0, index: placeOf(entryOf(index, outShape), shape) };
    case "concat": {
      let [input, rest] = [0, channel];
      while (rest >= inShapes[input][shape.length - 1]) {
        rest -= inShapes[input][shape.length - 1];
        input += 1;
      }
      return { input, index: [...places, rest] };
    }
    case "channel_shuffle": {
      const each = outShape[outShape.length - 1] / settings.groups;
      const from = (channel % settings.groups) * each + Math.floor(channel / settings.groups);
      return { input: 0, index: [...places, from] };
    }
    case "slice_channels":
      return { input: 0, index: [...places, channel + settings.start] };
    case "crop2d": {
      const [top, , left] = settings.cropping;
      return { input: 0, index: [index[0] + top, index[1] + left, channel] };
    }
    case "upsample2d": {
      const [row, column] = [0, 1].map((axis) =>
        Math.floor((index[axis] * shape[axis]) / outShape[axis]),
      );
      return { input: 0, index: [row, column, channel] };
    }
    case "depth_to_space":
    case "space_to_depth":
      return { input: 0, index: cellOfBlock(kind, settings, index, shape, outShape) };
    default:
      return cellOfBorder(kind, settings, index, shape);
  }
}

/**
 * Row, column and channel of an entry of a flattened array.
 * @param {number} entry
 * @param {number[]} shape
 * @returns {number[]}
 */
export function placeOf(entry, shape) {
  if (shape.length === 1) return [entry];
  const [, width, channels] = shape;
  const cell = Math.floor(entry / channels);
  return [Math.floor(cell / width), cell % width, entry % channels];
}

/**
 * The entry of a flattened array at row, column and channel.
 * @param {number[]} index
 * @param {number[]} shape
 * @returns {number}
 */
export function entryOf(index, shape) {
  if (shape.length === 1) return index[0];
  return (index[0] * shape[1] + index[1]) * shape[2] + index[2];
}

/**
 * The cells that a bilinear interpolation reads, with their weights.
 * @param {Record<string, any>} settings
 * @param {number[]} index
 * @param {Numbers} x
 * @param {number[]} outShape
 * @returns {{window: import("./windows.js").Window, weights: Float32Array}}
 */
export function interpolationOf(settings, index, x, outShape) {
  const axes = [0, 1].map((axis) => {
    const [input, output] = [x.shape[axis], outShape[axis]];
    const aligned = output > 1 ? (index[axis] * (input - 1)) / (output - 1) : 0;
    const centred = Math.max(((index[axis] + 0.5) * input) / output - 0.5, 0);
    const place = settings.align_corners ? aligned : centred;
    const lower = Math.min(Math.floor(place), input - 1);
    const upper = Math.min(lower + 1, input - 1);
    return { places: [lower, upper], weights: [1 - (place - lower), place - lower] };
  });
  const [rows, columns] = axes;
  const window = cellsAt(rows.places, columns.places, x, index[2], 1);
  const weights = rows.weights.flatMap((row) => columns.weights.map((column) => row * column));
  return { window, weights: Float32Array.from(weights) };
}

/**
 * @param {string} kind
 * @param {Record<string, any>} settings
 * @param {number[]} index
 * @param {number[]} inShape
 * @param {number[]} outShape
 * @returns {number[]}
 */
function cellOfBlock(kind, settings, index, inShape, outShape) {
  const size = settings.block_size;
  const isColumnFirst = settings.mode === "CRD";
  const [row, column, channel] = index;
  if (kind === "depth_to_space") {
    const place = (row % size) * size + (column % size);
    const from = isColumnFirst ? channel * size * size + place : place * outShape[2] + channel;
    return [Math.floor(row / size), Math.floor(column / size), from];
  }
  const place = isColumnFirst ? channel % (size * size) : Math.floor(channel / inShape[2]);
  const from = isColumnFirst ? Math.floor(channel / (size * size)) : channel % inShape[2];
  return [row * size + Math.floor(place / size), column * size + (place % size), from];
}

/**
 * @param {string} kind
 * @param {Record<string, any>} settings
 * @param {number[]} index
 * @param {number[]} shape
 * @returns {Source}
 */
function cellOfBorder(kind, settings, index, shape) {
  const before = [settings.padding[0], settings.padding[2]];
  const place = [0, 1].map((axis) => {
    const at = index[axis] - before[axis];
    const last = shape[axis] - 1;
    if (kind === "zero_pad2d") return at >= 0 && at <= last ? at : null;
    if (settings.mode === "edge") return Math.min(Math.max(at, 0), last);
    return at < 0 ? -at : at > last ? 2 * last - at : at;
  });
  const [row, column] = place;
  if (row === null || column === null) return null;
  return { input: 0, index: [row, column, index[2]] };
}
