// A model in the module: its layers, predictions, weights, gradients, and copies for other classes.

import { CnnxError } from "./core.js";
import { layerText, readModelHeader } from "./model_header.js";
import { crc32, joinedBytes } from "./zip.js";

/** Layers at the end of a network that a copy for other classes leaves out. */
const PROBABILITY_LAYERS = ["softmax", "log_softmax", "sigmoid"];
/** Pixels are unsigned bytes. */
const UINT8 = 0;
/** Size of the structs of cnnx/c_api.h in memory with pointers of 32 bits. */
const IMAGE_BYTES = 48;

/**
 * @typedef {import("./core.js").Core} Core
 * @typedef {import("./model_header.js").Node} Node
 * @typedef {{name: string, kind: string, inputs: string[], settings: Record<string, any>,
 *   shape: number[], arrays: Record<string, number[]>}} LayerInfo
 * @typedef {{inputShape: number[], classes: string[], probabilities: string, layers: LayerInfo[],
 *   output: string, parameterCount: number, temperature: number, mean: number[],
 *   std: number[]}} ModelInfo `mean` and `std` are of the preprocessing, for all channels or each
 * @typedef {{pixels: Uint8Array, height: number, width: number, channels: number}} Image
 */

/** @param {number[]} shape */
export function elementCount(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** A model. */
export class Network {
  /**
   * @param {Core} core
   * @param {number} handle
   */
  constructor(core, handle) {
    this.core = core;
    this.handle = handle;
    this.header = readModelHeader(this.toBytes());
    /** @type {Map<string, number[]>} */
    this.shapes = new Map(this.header.nodes.map(({ name }) => [name, this.layerShape(name)]));
    this.classes = this.readClasses();
  }

  /**
   * @param {Core} core
   * @param {Uint8Array} bytes of a model file
   * @returns {Network}
   */
  static fromBytes(core, bytes) {
    return core.scoped((scope) => {
      const address = scope.copy(bytes);
      return new Network(core, core.create(scope, "model_from_bytes", address, BigInt(bytes.length)));
    });
  }

  /** Reads the header again: training with another loss changes it. */
  refresh() {
    this.header = readModelHeader(this.toBytes());
  }

  destroy() {
    this.core.functions.cnnx_model_destroy(this.handle);
  }

  /** @returns {Network} an independent copy */
  clone() {
    return this.core.scoped(
      (scope) => new Network(this.core, this.core.create(scope, "model_clone", this.handle)),
    );
  }

  /** @returns {Uint8Array} the bytes of the model's file */
  toBytes() {
    const { core, handle } = this;
    return core.scoped((scope) => {
      const size = scope.room(8);
      core.call("model_to_bytes", handle, 0, 0n, size);
      const count = core.integer(size);
      const bytes = scope.room(count);
      core.call("model_to_bytes", handle, bytes, BigInt(count), size);
      return core.bytes(bytes, count).slice();
    });
  }

  /** @returns {ModelInfo} what a page shows of the model */
  info() {
    const { header } = this;
    const names = Object.keys(header.arrays);
    const layers = header.nodes.map((node) => ({
      ...node,
      shape: /** @type {number[]} */ (this.shapes.get(node.name)),
      arrays: Object.fromEntries(
        names
          .filter((name) => name.slice(0, name.lastIndexOf(".")) === node.name)
          .map((name) => [name.slice(node.name.length + 1), header.arrays[name]]),
      ),
    }));
    const parameterCount = this.parameterNames()
      .map((name) => elementCount(header.arrays[name]))
      .reduce((sum, count) => sum + count, 0);
    const { inputShape, output, probabilities, temperature, preprocessing } = header;
    const { mean, std } = preprocessing;
    const model = { inputShape, classes: this.classes, probabilities, layers, output };
    return { ...model, parameterCount, temperature, mean, std };
  }

  /**
   * Predicts one image of the model's size.
   *
   * @param {Uint8Array} pixels
   * @returns {{index: number, probabilities: Float32Array}}
   */
  predict(pixels) {
    const { core, handle } = this;
    const [height, width, channels] = this.header.inputShape;
    return core.scoped((scope) => {
      const image = this.imageStruct(scope, { pixels, height, width, channels });
      const index = scope.room(8);
      const count = this.classes.length;
      const probabilities = scope.room(4 * count);
      core.call("model_predict", handle, image, index, probabilities, BigInt(count));
      return { index: core.integer(index), probabilities: core.floats(probabilities, count) };
    });
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @param {string[]} layers names
   * @returns {Record<string, Float32Array>} the output of each layer
   */
  layerOutputs(pixels, layers) {
    const { core, handle } = this;
    const counts = layers.map((layer) => elementCount(this.shapes.get(layer) ?? [0]));
    const total = counts.reduce((sum, count) => sum + count, 0);
    return core.scoped((scope) => {
      const [image, names] = [scope.copy(pixels), scope.texts(layers)];
      const outputs = scope.room(4 * total);
      core.call(
        "model_layer_outputs",
        ...[handle, image, UINT8, 1n, names, BigInt(layers.length), outputs, BigInt(total)],
      );
      const values = core.floats(outputs, total);
      let begin = 0;
      /** @type {Record<string, Float32Array>} */
      const arrays = {};
      layers.forEach((layer, i) => {
        arrays[layer] = values.subarray(begin, (begin += counts[i]));
      });
      return arrays;
    });
  }

  /**
   * @param {Uint8Array} pixels an image of the model's size
   * @param {Float32Array} gradOutputs gradient of each output
   * @param {string} layer name
   * @returns {Float32Array} the gradient with respect to the layer's output
   */
  gradients(pixels, gradOutputs, layer) {
    const { core, handle } = this;
    const count = elementCount(this.shapes.get(layer) ?? [0]);
    return core.scoped((scope) => {
      const [image, grads, name] = [scope.copy(pixels), scope.copy(gradOutputs), scope.text(layer)];
      const gradients = scope.room(4 * count);
      core.call("model_gradients", handle, image, UINT8, 1n, grads, name, gradients, BigInt(count));
      return core.floats(gradients, count);
    });
  }

  /**
   * @param {Image} image of any size, of 1 channel (grey), 3 (RGB) or 4 (RGB and alpha)
   * @returns {Uint8Array} pixels of the model's size
   */
  resize(image) {
    const { core, handle } = this;
    const count = elementCount(this.header.inputShape);
    return core.scoped((scope) => {
      const pixels = scope.room(count);
      core.call("model_resize", handle, this.imageStruct(scope, image), pixels, BigInt(count));
      return core.bytes(pixels, count).slice();
    });
  }

  /**
   * @param {string} name such as "conv2d_1.weight"
   * @returns {Float32Array}
   */
  array(name) {
    const { core, handle } = this;
    const count = elementCount(this.header.arrays[name] ?? [0]);
    return core.scoped((scope) => {
      const values = scope.room(4 * count);
      core.call("model_get_array", handle, scope.text(name), values, BigInt(count));
      return core.floats(values, count);
    });
  }

  /**
   * @param {string} name such as "conv2d_1.weight"
   * @param {Float32Array} values
   */
  setArray(name, values) {
    const { core, handle } = this;
    core.scoped((scope) => {
      const address = scope.copy(values);
      core.call("model_set_array", handle, scope.text(name), address, BigInt(values.length));
    });
  }

  /** @param {Network} other a network of the same layers, whose weights this one takes */
  copyArrays(other) {
    for (const name of this.arrayNames()) this.setArray(name, other.array(name));
  }

  /**
   * A copy for these classes: as cnnx.Model.with_classes, with a new last layer.
   *
   * @param {string[]} classes
   * @returns {Network}
   */
  withClasses(classes) {
    const nodes = this.header.nodes.map((node) => ({ ...node, settings: { ...node.settings } }));
    while (PROBABILITY_LAYERS.includes(nodes[nodes.length - 1].kind)) nodes.pop();
    const owners = this.arrayNames().map((name) => name.slice(0, name.lastIndexOf(".")));
    const last = nodes.filter((node) => owners.includes(node.name)).pop();
    const setting = last && outputsSetting(last);
    if (!last || !setting) {
      throw new CnnxError(
        `the last layer with weights is ${last?.kind ?? "missing"}, expected a dense layer or a ` +
          "1x1 convolution, which can be replaced for other classes",
      );
    }
    last.settings[setting] = classes.length;
    delete last.settings.trainable;
    const copy = this.create(nodes, classes, this.anotherSeed(last.name));
    for (const name of copy.arrayNames()) {
      if (!name.startsWith(`${last.name}.`)) copy.setArray(name, this.array(name));
    }
    return copy;
  }

  /**
   * A seed that depends on the weights of a layer, so that new ones are not those it began with.
   *
   * @param {string} layer
   * @returns {bigint}
   */
  anotherSeed(layer) {
    const own = this.parameterNames().filter((name) => name.startsWith(`${layer}.`));
    const bytes = own.map((name) => new Uint8Array(Float32Array.from(this.array(name)).buffer));
    return BigInt(crc32(joinedBytes(bytes))) << 31n;
  }

  /**
   * @param {number} seed
   * @returns {Network} the same layers with new weights
   */
  withNewWeights(seed) {
    return this.create(this.header.nodes, this.header.classes, seed);
  }

  /** @returns {string[]} names of the parameters */
  parameterNames() {
    return this.names("parameter");
  }

  /** @returns {string[]} names of the parameters and of the running statistics */
  arrayNames() {
    return [...this.names("parameter"), ...this.names("buffer")];
  }

  /**
   * @param {Node[]} nodes
   * @param {string[]} classes
   * @param {number | bigint} [seed]
   * @returns {Network}
   */
  create(nodes, classes, seed = 0) {
    const { core } = this;
    const { inputShape, preprocessing } = this.header;
    const { resize, mean, std } = preprocessing;
    const options = `seed=${seed} resize=${resize} mean=${mean} std=${std}`;
    return core.scoped((scope) => {
      const layers = scope.text(nodes.map(layerText).join("\n"));
      const names = classes.length ? scope.texts(classes) : 0;
      const handle = core.create(
        scope,
        "model_create",
        layers,
        ...inputShape.map(BigInt),
        ...[names, BigInt(classes.length), scope.text(options)],
      );
      return new Network(core, handle);
    });
  }

  /**
   * @param {string} kind "parameter" or "buffer"
   * @returns {string[]}
   */
  names(kind) {
    const { core, handle } = this;
    return core.scoped((scope) => {
      const [count, name] = [scope.room(8), scope.room(4)];
      core.call(`model_${kind}_count`, handle, count);
      return Array.from({ length: core.integer(count) }, (_, i) => {
        core.call(`model_${kind}_name`, handle, BigInt(i), name);
        return core.textAt(core.view().getUint32(name, true));
      });
    });
  }

  /** @returns {string[]} */
  readClasses() {
    const { core, handle } = this;
    return core.scoped((scope) => {
      const [count, name] = [scope.room(8), scope.room(4)];
      core.call("model_class_count", handle, count);
      return Array.from({ length: core.integer(count) }, (_, i) => {
        core.call("model_class_name", handle, BigInt(i), name);
        return core.textAt(core.view().getUint32(name, true));
      });
    });
  }

  /**
   * @param {string} layer
   * @returns {number[]}
   */
  layerShape(layer) {
    const { core, handle } = this;
    return core.scoped((scope) => {
      const [axes, name] = [scope.room(8), scope.text(layer)];
      core.call("model_layer_shape", handle, name, 0, 0n, axes);
      const count = core.integer(axes);
      const shape = scope.room(8 * count);
      core.call("model_layer_shape", handle, name, shape, BigInt(count), axes);
      return Array.from({ length: count }, (_, axis) => core.integer(shape + 8 * axis));
    });
  }

  /**
   * @param {{room(bytes: number): number, copy(values: Uint8Array): number}} scope
   * @param {Image} image
   * @returns {number} address of a cnnx_image
   */
  imageStruct(scope, { pixels, height, width, channels }) {
    const [address, copied] = [scope.room(IMAGE_BYTES), scope.copy(pixels)];
    const view = this.core.view();
    view.setUint32(address, copied, true);
    [height, width, channels].forEach((size, i) => {
      view.setBigInt64(address + 8 + 8 * i, BigInt(size), true);
    });
    view.setInt32(address + 32, UINT8, true);
    view.setBigInt64(address + 40, 0n, true);
    return address;
  }
}

/**
 * @param {Node} node
 * @returns {string | undefined} the setting with the number of outputs of a last layer
 */
function outputsSetting({ kind, settings }) {
  if (kind === "dense") return "out_features";
  const pointwise = kind === "conv2d" && `${settings.kernel_size}` === "1,1";
  return pointwise && settings.groups === 1 ? "out_channels" : undefined;
}
