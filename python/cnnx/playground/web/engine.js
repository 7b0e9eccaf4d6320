// The page's side of the engine: every call is a message to the worker that runs cnnx.

/**
 * @typedef {import("./network.js").ModelInfo} ModelInfo
 * @typedef {import("./network.js").Image} Image
 * @typedef {import("./session.js").RunResult} RunResult
 * @typedef {import("./session.js").TrainingRequest} TrainingRequest
 * @typedef {import("./session.js").TrainingResult} TrainingResult
 * @typedef {import("./training.js").Progress} Progress
 * @typedef {{resolve: (result: any) => void, reject: (error: Error) => void,
 *   onProgress?: (progress: Progress) => void}} Request
 */

/** cnnx in a worker. */
export class Engine {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {Map<number, Request>} */
    this.requests = new Map();
    this.lastId = 0;
    worker.onmessage = (event) => this.receive(event.data);
    worker.onerror = (event) => this.fail(`the worker ended: ${event.message}`);
  }

  /**
   * @param {Uint8Array} wasm bytes of cnnx.wasm
   * @param {string} source the worker's script
   * @returns {Promise<Engine>}
   */
  static async start(wasm, source) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const engine = new Engine(new Worker(address));
    try {
      await engine.send("start", [wasm]);
    } finally {
      URL.revokeObjectURL(address);
    }
    return engine;
  }

  /**
   * @param {Uint8Array} bytes of a model file
   * @returns {Promise<ModelInfo>}
   */
  load(bytes) {
    return this.send("load", [bytes]);
  }

  /** @returns {Promise<ModelInfo>} of the model, or during a training of the one that is trained */
  info() {
    return this.send("info", []);
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @returns {Promise<RunResult>}
   */
  run(pixels) {
    return this.send("run", [pixels]);
  }

  /**
   * @param {string} name such as "conv2d_1.weight"
   * @returns {Promise<Float32Array>}
   */
  array(name) {
    return this.send("array", [name]);
  }

  /**
   * @param {string} name such as "conv2d_1.weight"
   * @param {Float32Array} values
   * @returns {Promise<void>}
   */
  setArray(name, values) {
    return this.send("setArray", [name, values]);
  }

  /** @returns {Promise<void>} when the weights are as loaded, or as after the last training */
  resetWeights() {
    return this.send("resetWeights", []);
  }

  /**
   * @param {Image} image of any size, of 1 channel (grey), 3 (RGB) or 4 (RGB and alpha)
   * @returns {Promise<Uint8Array>} pixels of the model's size
   */
  resize(image) {
    return this.send("resize", [image]);
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @param {number} classIndex
   * @returns {Promise<{layer: string, values: Float32Array}>} numbers from 0 to 1 for all pixels
   */
  gradCam(pixels, classIndex) {
    return this.send("gradCam", [pixels, classIndex]);
  }

  /**
   * Trains the model on images. Other calls are answered meanwhile.
   *
   * @param {TrainingRequest} request
   * @param {(progress: Progress) => void} onProgress called after every step
   * @returns {Promise<TrainingResult>}
   */
  train(request, onProgress) {
    return this.send("train", [request], onProgress);
  }

  /** @returns {Promise<void>} */
  stop() {
    return this.send("stop", []);
  }

  /** @returns {Promise<Uint8Array>} the bytes of the model's file */
  save() {
    return this.send("save", []);
  }

  /**
   * @param {string} method of the session
   * @param {any[]} values
   * @param {(progress: Progress) => void} [onProgress]
   * @returns {Promise<any>}
   */
  send(method, values, onProgress) {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.requests.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ id, method, values });
    });
  }

  /** @param {{id: number, progress?: Progress, error?: string, result?: any}} message */
  receive({ id, progress, error, result }) {
    const request = /** @type {Request} */ (this.requests.get(id));
    if (progress) {
      request.onProgress?.(progress);
      return;
    }
    this.requests.delete(id);
    if (error === undefined) request.resolve(result);
    else request.reject(new Error(error));
  }

  /** @param {string} message */
  fail(message) {
    for (const { reject } of this.requests.values()) reject(new Error(message));
    this.requests.clear();
  }
}
