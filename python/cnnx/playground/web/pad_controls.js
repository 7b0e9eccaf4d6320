// The controls of the drawing pad: brush, colour, eraser, image files and samples.

import { announce } from "./announcements.js";
import { paintPixels } from "./colours.js";
import { byId, element, render } from "./dom.js";
import { defaultRadius } from "./drawing_pad.js";
import { listenForImageFiles, pixelsOfFile } from "./image_file.js";

/**
 * @typedef {import("./drawing_pad.js").DrawingPad} DrawingPad
 * @typedef {import("./embedded.js").Sample} Sample
 */

/**
 * Connect the controls of the pad.
 * @param {DrawingPad} pad
 * @param {import("./engine.js").Engine} engine
 * @param {number[]} shape height, width and channels of the network's input
 * @param {Sample[]} samples
 */
export function connectPadControls(pad, engine, shape, samples) {
  connectBrush(pad, shape);
  byId("clear").addEventListener("click", () => {
    pad.clear();
    announce("pad", "The pad is empty");
  });
  byId("invert").addEventListener("click", () => pad.invert());
  const message = byId("file-message");
  const take = async (/** @type {Blob} */ file, /** @type {string} */ name) => {
    message.textContent = "";
    try {
      pad.setPixels(await pixelsOfFile(file, engine, name));
      announce("pad", `The pad shows ${name}`);
    } catch (error) {
      message.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const input = /** @type {HTMLInputElement} */ (byId("file"));
  listenForImageFiles(input, byId("pad-frame"), take);
  showSamples(pad, shape, samples);
}

/**
 * @param {DrawingPad} pad
 * @param {number[]} shape
 */
function connectBrush(pad, shape) {
  const channels = shape[2];
  const radius = /** @type {HTMLInputElement} */ (byId("brush"));
  const start = defaultRadius(shape);
  radius.min = String(Math.max(start / 4, 0.5));
  radius.max = String(start * 4);
  radius.step = "0.1";
  radius.value = String(start);
  radius.addEventListener("input", () => (pad.radius = Number(radius.value)));
  const colour = /** @type {HTMLInputElement} */ (byId("colour"));
  const eraser = /** @type {HTMLInputElement} */ (byId("eraser"));
  byId("colour-choice").hidden = channels !== 3;
  const update = () => {
    const parts = [1, 3, 5].map((at) => parseInt(colour.value.slice(at, at + 2), 16));
    const ink = channels === 3 ? parts : new Array(channels).fill(255);
    pad.colour = eraser.checked ? new Array(channels).fill(0) : ink;
  };
  colour.addEventListener("input", update);
  eraser.addEventListener("change", update);
  update();
}

/**
 * @param {DrawingPad} pad
 * @param {number[]} shape
 * @param {Sample[]} samples
 */
function showSamples(pad, [height, width, channels], samples) {
  const root = byId("sample-images");
  root.hidden = samples.length === 0;
  render(
    root,
    samples.map(({ name, pixels }) => {
      const draw = (/** @type {HTMLCanvasElement} */ canvas) => {
        canvas.width = width;
        canvas.height = height;
        const image = new ImageData(width, height);
        paintPixels(image, pixels, channels);
        canvas.getContext("2d")?.putImageData(image, 0, 0);
      };
      return element(
        "button",
        {
          type: "button",
          class: "sample",
          title: name,
          "aria-label": `Sample image: ${name}`,
          onclick: () => pad.setPixels(pixels),
        },
        element("canvas", { draw }),
      );
    }),
  );
}
