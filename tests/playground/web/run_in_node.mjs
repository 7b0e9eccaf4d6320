// Runs models as the page does, without a browser: node run_in_node.mjs CNNX.WASM MODEL.CNNX...
//
// Beside a model lies an image of its size, MODEL.pixels. It gets MODEL.page: the probabilities,
// where it has some, the output of every layer, and the gradient of the sum of all outputs with
// respect to the first layer, as numbers one after another.

import { readFile, writeFile } from "node:fs/promises";

import { Core } from "../../../python/cnnx/playground/web/core.js";
import { elementCount, Network } from "../../../python/cnnx/playground/web/network.js";

const [wasm, ...models] = process.argv.slice(2);
const core = await Core.start(await readFile(wasm));
for (const model of models) {
  const network = Network.fromBytes(core, await readFile(model));
  const pixels = new Uint8Array(await readFile(model.replace(".cnnx", ".pixels")));
  const names = [...network.shapes.keys()];
  const shape = network.shapes.get(network.header.output) ?? [];
  const outputs = network.layerOutputs(pixels, names);
  const arrays = names.map((name) => outputs[name]);
  if (shape.length === 1) arrays.unshift(network.predict(pixels).probabilities);
  arrays.push(network.gradients(pixels, new Float32Array(elementCount(shape)).fill(1), names[0]));
  const bytes = arrays.map((each) => Buffer.from(each.buffer, each.byteOffset, each.byteLength));
  await writeFile(model.replace(".cnnx", ".page"), Buffer.concat(bytes));
  network.destroy();
}
