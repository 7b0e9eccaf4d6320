// What a page does with one model: predictions, changes by hand, training. Runs in the worker.

import { CnnxError } from "./core.js";
import { gradCam } from "./grad_cam.js";
import { Network } from "./network.js";
import { Training } from "./training.js";

/** Milliseconds of training after which other requests are answered. */
const TURN = 20;

/**
 * @typedef {import("./network.js").ModelInfo} ModelInfo
 * @typedef {import("./network.js").Image} Image
 * @typedef {import("./training.js").Progress} Progress
 * @typedef {import("./training.js").TrainingSettings & {classes: string[], start: "model" | "new"}}
 *   TrainingRequest
 * @typedef {{index: number, probabilities: Float32Array, outputs: Record<string, Float32Array>,
 *   milliseconds: number}} RunResult
 * @typedef {{steps: number, loss: number, accuracy: number, stopped: boolean, info: ModelInfo}}
 *   TrainingResult
 */

/** A model, and the weights that a reset restores. */
export class Session {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this.core = core;
    /** @type {Network | undefined} */
    this.loaded = undefined;
    /** @type {Network | undefined} */
    this.restored = undefined;
    this.training = false;
    this.stopping = false;
  }

  /**
   * @param {Uint8Array} bytes of a model file
   * @returns {ModelInfo}
   */
  load(bytes) {
    this.refuseWhileTraining("load");
    this.replace(Network.fromBytes(this.core, bytes));
    return this.network().info();
  }

  /** @returns {ModelInfo} of the model, or during a training of the one that is trained */
  info() {
    return this.network().info();
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @returns {RunResult}
   */
  run(pixels) {
    const begin = performance.now();
    const network = this.network();
    const prediction = network.predict(pixels);
    const outputs = network.layerOutputs(pixels, [...network.shapes.keys()]);
    return { ...prediction, outputs, milliseconds: performance.now() - begin };
  }

  /** @param {string} name */
  array(name) {
    return this.network().array(name);
  }

  /**
   * @param {string} name
   * @param {Float32Array} values
   */
  setArray(name, values) {
    this.refuseWhileTraining("setArray");
    this.network().setArray(name, values);
  }

  /** Restores the weights as loaded, or as after the last training. */
  resetWeights() {
    this.refuseWhileTraining("resetWeights");
    this.network().copyArrays(/** @type {Network} */ (this.restored));
  }

  /** @param {Image} image */
  resize(image) {
    return this.network().resize(image);
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @param {number} classIndex
   */
  gradCam(pixels, classIndex) {
    return gradCam(this.network(), pixels, classIndex);
  }

  /** @returns {Uint8Array} the bytes of the model's file */
  save() {
    return this.network().toBytes();
  }

  /** Ends a training after its current step. */
  stop() {
    this.stopping = true;
  }

  /**
   * Trains the model, or a copy for other classes, which then takes its place.
   *
   * @param {TrainingRequest} request
   * @param {(progress: Progress) => void} onProgress called after every step
   * @returns {Promise<TrainingResult>}
   */
  async train(request, onProgress) {
    this.refuseWhileTraining("train");
    const { network, isSigmoid } = this.startOf(request);
    const former = this.loaded;
    const training = new Training(network, request, isSigmoid);
    this.loaded = network;
    this.training = true;
    this.stopping = false;
    try {
      while (!training.isDone() && !this.stopping) {
        const end = performance.now() + TURN;
        do onProgress(training.advance());
        while (!training.isDone() && !this.stopping && performance.now() < end);
        await pause();
      }
      const { loss, accuracy } = training.evaluate();
      this.loaded = former;
      network.refresh();
      this.replace(network);
      const info = network.info();
      return { steps: training.step, loss, accuracy, stopped: !training.isDone(), info };
    } catch (error) {
      this.loaded = former;
      network.destroy();
      throw error;
    } finally {
      this.training = false;
      training.destroy();
    }
  }

  /** @returns {Network} */
  network() {
    if (!this.loaded) throw new CnnxError("no model is loaded");
    return this.loaded;
  }

  /**
   * @param {TrainingRequest} request
   * @returns {{network: Network, isSigmoid: boolean}} a copy of the model for the classes of the
   *   request, and whether each output is a probability of its own
   */
  startOf({ classes, start, seed }) {
    const network = this.network();
    const same = JSON.stringify(classes) === JSON.stringify(network.classes);
    const copy = same ? network.clone() : network.withClasses(classes);
    const isSigmoid = copy.header.probabilities === "sigmoid";
    if (start === "model") return { network: copy, isSigmoid };
    const fresh = copy.withNewWeights(seed);
    copy.destroy();
    return { network: fresh, isSigmoid };
  }

  /** @param {Network} network that takes the place of the model */
  replace(network) {
    this.loaded?.destroy();
    this.restored?.destroy();
    this.loaded = network;
    this.restored = network.clone();
  }

  /** @param {string} request */
  refuseWhileTraining(request) {
    if (this.training) throw new CnnxError(`${request}: the model is training, stop it first`);
  }
}

/** Lets other messages be handled, without the delay of a timer. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(0);
  });
}
