// Trains as the page does, without a browser: node train_in_node.mjs CNNX.WASM FOLDER...
//
// A folder has model.cnnx, request.json with the choices of the form and the classes, and pixels.bin
// with their images. It gets trained.cnnx, images.zip and program.py, as a reader would download,
// and done.json with the figures of the training.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { ClassSamples } from "../../../python/cnnx/playground/web/class_samples.js";
import { Core } from "../../../python/cnnx/playground/web/core.js";
import { imageArchive } from "../../../python/cnnx/playground/web/download.js";
import {
  modelForProgram,
  pythonProgram,
} from "../../../python/cnnx/playground/web/python_program.js";
import { Session } from "../../../python/cnnx/playground/web/session.js";

/**
 * The classes of a request with their images.
 * @param {Array<{name: string, count: number}>} classes
 * @param {Uint8Array} pixels
 * @param {number} size number of pixels of an image
 */
function samplesOf(classes, pixels, size) {
  const samples = new ClassSamples(classes.map(({ name }) => name));
  let offset = 0;
  classes.forEach(({ count }, index) => {
    for (let image = 0; image < count; image += 1, offset += size) {
      samples.classes[index].images.push(pixels.slice(offset, offset + size));
    }
  });
  return samples;
}

const [wasm, ...folders] = process.argv.slice(2);
const core = await Core.start(await readFile(wasm));
for (const folder of folders) {
  const session = new Session(core);
  const info = session.load(await readFile(join(folder, "model.cnnx")));
  const { choices, classes } = JSON.parse(await readFile(join(folder, "request.json"), "utf8"));
  const pixels = new Uint8Array(await readFile(join(folder, "pixels.bin")));
  const size = info.inputShape.reduce((product, each) => product * each, 1);
  const samples = samplesOf(classes, pixels, size);
  const program = { ...modelForProgram(info), name: "model", classes: samples.names() };

  /** @type {any[]} */
  const progress = [];
  const request = { ...samples.trainingSet(), ...choices };
  const done = await session.train(request, (step) => progress.push(step));
  const archive = await imageArchive(samples.files("model-images"), info.inputShape);
  await writeFile(join(folder, "trained.cnnx"), session.save());
  await writeFile(join(folder, "images.zip"), archive);
  await writeFile(join(folder, "program.py"), pythonProgram(choices, program));
  await writeFile(join(folder, "done.json"), JSON.stringify({ ...done, progress }));
}
