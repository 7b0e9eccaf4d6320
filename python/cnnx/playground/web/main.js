// The page: starts the engine, builds the parts, and runs the network after each change.

import { announce } from "./announcements.js";
import { Attention } from "./attention.js";
import { onSchemeChange } from "./colours.js";
import { byId } from "./dom.js";
import { DrawingPad } from "./drawing_pad.js";
import { embeddedBytes, embeddedSamples } from "./embedded.js";
import { Engine } from "./engine.js";
import { NetworkState } from "./network_state.js";
import { connectPadControls } from "./pad_controls.js";
import { Prediction } from "./prediction.js";
import { showProbabilitySteps } from "./probability_steps.js";
import { Stages } from "./stages.js";
import { mountTrainingPanel } from "./training_panel.js";

/** @typedef {import("./network.js").ModelInfo} ModelInfo */

/**
 * Start the page.
 * @param {any} playground what tests and the console see
 */
async function startPage(playground) {
  byId("title").textContent = document.title;
  const worker = byId("worker").textContent ?? "";
  const engine = await Engine.start(await embeddedBytes("module"), worker);
  const info = await engine.load(await embeddedBytes("model"));
  const state = new NetworkState(engine, info);
  let isRunning = false;
  let isPending = false;
  let changedAt = 0;
  let shown = Promise.resolve(); // when the page shows the newest image
  let painted = Promise.resolve(); // and when the screen does

  const draw = () => {
    prediction.show();
    stages.draw();
  };
  const explain = () => {
    stages.explain();
    showProbabilitySteps(byId("probability-steps"), state);
    attention.show();
  };
  const showResult = () => {
    draw();
    explain();
  };
  const runWhilePending = async () => {
    isRunning = true;
    try {
      while (isPending) {
        isPending = false;
        const started = changedAt;
        const pixels = pad.pixels();
        const layers = layersText(state.info);
        const result = await engine.run(pixels);
        if (layers !== layersText(state.info)) continue; // another network, which is pending
        state.setRun(pixels, result);
        draw();
        painted = nextPaint().then(() => {
          playground.lastMilliseconds = performance.now() - started;
          if (!isRunning) explain(); // else the newer run is explained
        });
        painted.catch(showError);
      }
    } catch (error) {
      showError(error);
    } finally {
      isRunning = false;
    }
  };
  const update = () => {
    if (!isPending) changedAt = performance.now();
    isPending = true;
    if (!isRunning) shown = runWhilePending();
    return shown;
  };

  const pad = new DrawingPad(
    /** @type {HTMLCanvasElement} */ (byId("pad")),
    byId("pad-cursor"),
    info.inputShape,
    update,
  );
  const prediction = new Prediction(byId("prediction"), state, showResult);
  const stages = new Stages(byId("stages"), state, update);
  const attention = new Attention(state);
  const samples = embeddedSamples();
  connectPadControls(pad, engine, info.inputShape, samples);
  onSchemeChange(showResult);

  const setPixels = async (/** @type {Uint8Array} */ pixels) => {
    pad.setPixels(pixels);
    await shown;
    await painted;
  };
  Object.assign(playground, { engine, info, setPixels, update });
  if (samples.length) pad.setPixels(samples[0].pixels);
  else pad.drawCross();
  mountTrainingPanel(byId("training"), {
    ...{ engine, info, name: document.title, beside: byId("add-to-class") },
    announce: (text) => announce("training", text),
    pixels: () => pad.pixels(),
    clear: () => pad.clear(),
    onChange: (changed) => {
      playground.info = changed;
      const isOther = layersText(changed) !== layersText(state.info);
      state.setInfo(changed);
      if (isOther) stages.rebuild();
      update();
    },
  });
  byId("page").removeAttribute("aria-busy");
  byId("loading").remove();
  await shown;
  await painted;
}

/**
 * What must be equal for the same maps and lists.
 * @param {ModelInfo} info
 * @returns {string}
 */
function layersText(info) {
  return JSON.stringify([info.layers, info.classes.length]);
}

/** @returns {Promise<void>} when the browser has painted the next frame */
function nextPaint() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        resolve();
      };
      channel.port2.postMessage(null);
    });
  });
}

/** @param {unknown} error */
function showError(error) {
  const message = byId("error");
  message.hidden = false;
  message.textContent = error instanceof Error ? error.message : String(error);
  console.error(error);
}

const playground = /** @type {any} */ ({ lastMilliseconds: 0 });
/** @type {any} */ (window).playground = playground;
playground.ready = startPage(playground);
playground.ready.catch(showError);
