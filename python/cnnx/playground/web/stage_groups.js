// Layers in stages that belong together: a filter, its norm, ReLU and pooling.

import { hasFormula } from "./formulas.js";

/** @typedef {import("./network_state.js").LayerInfo} LayerInfo */

// Beside elementwise layers those that belong to the stage of the layer whose output they read.
const FOLLOWERS = new Set([
  "batch_norm2d",
  "scale2d",
  "group_norm",
  "layer_norm",
  "global_response_norm",
  "l2_norm",
  "rms_norm",
  "lrn",
  "max_pool2d",
  "avg_pool2d",
]);

/**
 * The layers up to the scores, in stages. A layer belongs to the stage before it if it is the only
 * one that reads its last layer.
 * @param {LayerInfo[]} layers
 * @param {LayerInfo} scores
 * @returns {LayerInfo[][]}
 */
export function stageGroups(layers, scores) {
  /** @type {Map<string, number>} */
  const readers = new Map();
  for (const name of layers.flatMap((layer) => layer.inputs)) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  /** @type {LayerInfo[][]} */
  const groups = [];
  for (const layer of layers.slice(0, layers.indexOf(scores) + 1)) {
    const group = groups[groups.length - 1];
    const before = group?.[group.length - 1].name;
    const isFollower = FOLLOWERS.has(layer.kind) || hasFormula(layer.kind);
    const readsOnlyIt = layer.inputs.length === 1 && layer.inputs[0] === before;
    if (group && isFollower && readsOnlyIt && readers.get(before) === 1) group.push(layer);
    else groups.push([layer]);
  }
  return groups;
}
