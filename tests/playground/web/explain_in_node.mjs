// Spells out cells of models as the page does: node explain_in_node.mjs CNNX.WASM MODEL...
//
// Beside each X.cnnx lies an image in X.pixels. Prints JSON: how many cells of each kind of layer
// were spelled out, and those whose steps do not give the layer's number.

import { readFile } from "node:fs/promises";

import { explainCell } from "../../../python/cnnx/playground/web/arithmetic.js";
import { Core } from "../../../python/cnnx/playground/web/core.js";
import { placeOf } from "../../../python/cnnx/playground/web/moved_cells.js";
import { Network } from "../../../python/cnnx/playground/web/network.js";
import { NetworkState } from "../../../python/cnnx/playground/web/network_state.js";
import { largestOf } from "../../../python/cnnx/playground/web/numbers.js";

const CELLS = 25; // of each layer

const [wasm, ...models] = process.argv.slice(2);
const core = await Core.start(await readFile(wasm));
/** @type {Record<string, number>} */
const counts = {};
/** @type {string[]} */
const different = [];
for (const path of models) {
  const network = Network.fromBytes(core, await readFile(path));
  const state = new NetworkState(network, network.info());
  const pixels = new Uint8Array(await readFile(path.replace(/\.cnnx$/, ".pixels")));
  const outputs = network.layerOutputs(pixels, [...network.shapes.keys()]);
  state.setRun(pixels, { outputs });
  for (const layer of state.info.layers) {
    await state.readArrays(layer);
    const output = state.numbersOf(layer.name);
    const { kind, settings } = layer;
    const inputs = layer.inputs.map((name) => state.numbersOf(name));
    const cell = { kind, settings, inputs, arrays: state.knownArrays(layer), output };
    const strongest = largestOf(output.values);
    const step = Math.max(1, Math.floor(output.values.length / CELLS));
    for (let entry = 0; entry < output.values.length; entry += step) {
      const index = placeOf(entry, output.shape);
      const { computed, result, steps } = explainCell({ ...cell, index });
      if (steps.form === "named" || !Number.isFinite(result)) continue;
      counts[kind] = (counts[kind] ?? 0) + 1;
      const tolerance = 1e-4 * Math.max(Math.abs(result), 0.1 * strongest);
      if (Math.abs(computed - result) <= tolerance) continue;
      different.push(`${path} ${layer.name} ${index}: ${computed}, not ${result}`);
    }
  }
  network.destroy();
}
console.log(JSON.stringify({ counts, different }));
