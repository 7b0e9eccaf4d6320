// What the page knows of the network: its layers, the last run, and the weights that were read.

import { placeOf } from "./moved_cells.js";

/**
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {import("./network.js").LayerInfo} LayerInfo
 * @typedef {import("./network.js").ModelInfo} ModelInfo
 * @typedef {import("./session.js").RunResult} RunResult
 * @typedef {import("./windows.js").Numbers} Numbers
 */

// The name of the image among the inputs of layers.
export const IMAGE = "input";

export class NetworkState {
  /** @type {Map<string, Promise<Float32Array>>} */
  #requests = new Map();
  /** @type {Map<string, Float32Array>} */
  #arrays = new Map();
  /** @type {Map<string, LayerInfo>} */
  #layers = new Map();
  /** @type {RunResult | null} */
  #result = null;
  #image = new Float32Array(0);

  /**
   * @param {Engine} engine
   * @param {ModelInfo} info
   */
  constructor(engine, info) {
    this.engine = engine;
    this.info = info;
    /** @type {Uint8Array} */
    this.pixels = new Uint8Array(0);
    /** @type {number | null} the class that the user chose, null for the predicted class */
    this.chosenClass = null;
    this.setInfo(info);
  }

  /**
   * Take over another network, or other weights of the same.
   * @param {ModelInfo} info
   */
  setInfo(info) {
    this.info = info;
    this.#layers = new Map(info.layers.map((layer) => [layer.name, layer]));
    if ((this.chosenClass ?? 0) >= this.labels.length) this.chosenClass = null;
    this.forgetArrays();
  }

  /** Read weights anew when they are needed. */
  forgetArrays() {
    this.#requests.clear();
    this.#arrays.clear();
  }

  /**
   * Take over the result of a run.
   * @param {Uint8Array} pixels
   * @param {RunResult} result
   */
  setRun(pixels, result) {
    this.pixels = pixels;
    this.#result = result;
    const { mean, std } = this.info;
    const channels = this.info.inputShape[2];
    const each = (/** @type {number[]} */ values, /** @type {number} */ k) =>
      Math.fround(values.length === 1 ? values[0] : values[k % channels]);
    if (this.#image.length !== pixels.length) this.#image = new Float32Array(pixels.length);
    for (let k = 0; k < pixels.length; k++) {
      const value = Math.fround(pixels[k] / 255);
      this.#image[k] = Math.fround(value - each(mean, k)) / each(std, k);
    }
  }

  /** @returns {boolean} whether there are numbers to show */
  get hasRun() {
    return this.#result !== null;
  }

  /** @returns {RunResult} */
  get result() {
    if (!this.#result) throw new Error("NetworkState: the network has not run yet");
    return this.#result;
  }

  /**
   * A layer by name, or null for the image.
   * @param {string} name
   * @returns {LayerInfo | null}
   */
  layer(name) {
    return this.#layers.get(name) ?? null;
  }

  /**
   * Shape of a layer's output, or of the image.
   * @param {string} name
   * @returns {number[]}
   */
  shapeOf(name) {
    return this.layer(name)?.shape ?? this.info.inputShape;
  }

  /**
   * The numbers of a layer in the last run, or those of the image.
   * @param {string} name
   * @returns {Numbers}
   */
  numbersOf(name) {
    const values = name === IMAGE ? this.#image : this.result.outputs[name];
    return { values, shape: this.shapeOf(name) };
  }

  /**
   * The parameters and buffers of a layer, or null while they are being read.
   * @param {LayerInfo} layer
   * @returns {Record<string, Float32Array> | null}
   */
  knownArrays(layer) {
    /** @type {Record<string, Float32Array>} */
    const known = {};
    for (const name of Object.keys(layer.arrays)) {
      const array = this.#arrays.get(`${layer.name}.${name}`);
      if (!array) return null;
      known[name] = array;
    }
    return known;
  }

  /**
   * Read the parameters and buffers of a layer.
   * @param {LayerInfo} layer
   * @returns {Promise<void>}
   */
  async readArrays(layer) {
    const names = Object.keys(layer.arrays).map((name) => `${layer.name}.${name}`);
    await Promise.all(names.map((name) => this.#readArray(name)));
  }

  /**
   * Change a parameter by hand.
   * @param {string} name
   * @param {Float32Array} values
   * @returns {Promise<void>}
   */
  async changeArray(name, values) {
    this.#arrays.set(name, values);
    await this.engine.setArray(name, values);
  }

  /** @param {string} name */
  async #readArray(name) {
    const request = this.#requests.get(name) ?? this.engine.array(name);
    this.#requests.set(name, request);
    const values = await request;
    if (this.#requests.get(name) === request) this.#arrays.set(name, values);
  }

  /**
   * The layer whose outputs are the scores (logits). A softmax or sigmoid comes after it.
   * @returns {LayerInfo}
   */
  get scores() {
    const layers = this.info.layers;
    const last = layers[layers.length - 1];
    const isProbability = ["softmax", "sigmoid"].includes(last.kind) && layers.length > 1;
    return isProbability ? (this.layer(last.inputs[0]) ?? last) : last;
  }

  /** @returns {string[]} names of the classes, or numbers */
  get labels() {
    if (this.info.classes.length) return this.info.classes;
    const count = this.scores.shape[this.scores.shape.length - 1];
    return Array.from({ length: Math.max(count, 2) }, (_, k) => String(k));
  }

  /** @returns {number[]} one probability per label */
  get probabilities() {
    const found = Array.from(this.result.probabilities);
    return found.length === 1 ? [1 - found[0], found[0]] : found;
  }

  /** @returns {number} index of the predicted class */
  get predictedClass() {
    const probabilities = this.probabilities;
    return probabilities.indexOf(Math.max(...probabilities));
  }

  /** @returns {number} index of the class that the page explains */
  get explainedClass() {
    return this.chosenClass ?? Math.max(this.predictedClass, 0);
  }

  /** @returns {string[]} names of the channels of the image */
  get channels() {
    const count = this.info.inputShape[2];
    if (count === 1) return ["image"];
    if (count === 3) return ["red", "green", "blue"];
    return Array.from({ length: count }, (_, k) => `channel ${k}`);
  }

  /**
   * The place of a cell in words.
   * @param {string} name of the layer, or "input"
   * @param {number[]} index
   * @returns {string}
   */
  placeText(name, index) {
    if (index.length === 1) {
      if (name !== this.scores.name) return `number ${index[0]}`;
      // A single score is that of the second of two classes.
      const label = this.scores.shape[0] === 1 ? this.labels[1] : this.labels[index[0]];
      return `score of ${label}`;
    }
    const place = `row ${index[0]}, column ${index[1]}`;
    const isGrey = name === IMAGE && this.channels.length === 1;
    return isGrey ? `pixel in ${place}` : `${this.mapText(name, index[2])}, ${place}`;
  }

  /**
   * The name of a map.
   * @param {string} name of the layer, or "input"
   * @param {number} map
   * @returns {string}
   */
  mapText(name, map) {
    return name === IMAGE ? this.channels[map] : `map ${map}`;
  }

  /**
   * Words for an entry of a list: the cell of a map that it was, if there is one.
   * @param {string} name
   * @param {number} entry
   * @returns {string}
   */
  entryText(name, entry) {
    let layer = this.layer(name);
    while (layer && layer.shape.length === 1) {
      const source = layer.inputs[0];
      const shape = this.shapeOf(source);
      if (layer.kind === "flatten") return this.placeText(source, placeOf(entry, shape));
      if (layer.kind === "global_avg_pool2d") return `mean of map ${entry}`;
      if (layer.kind === "dense" || layer.inputs.length > 1) break;
      layer = this.layer(source);
    }
    return `number ${entry}`;
  }
}
