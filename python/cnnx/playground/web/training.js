// Training a model on images in memory, step by step, with the bits of cnnx.Trainer.fit.

import { Scope } from "./core.js";
import { elementCount } from "./network.js";

/** Pixels by which an image is shifted at random, at most. */
const SHIFT = 2;
/** Size of cnnx_samples in memory with pointers of 32 bits. */
const SAMPLES_BYTES = 40;

/**
 * @typedef {{pixels: Uint8Array, labels: number[], epochs: number, batchSize: number,
 *   learningRate: number, shift: boolean, seed: number}} TrainingSettings
 * @typedef {{step: number, steps: number, epoch: number, loss: number, accuracy: number}} Progress
 */

/** A run of several epochs. */
export class Training {
  /**
   * @param {import("./network.js").Network} network trained in place
   * @param {TrainingSettings} settings
   * @param {boolean} isSigmoid whether each output is a probability of its own
   */
  constructor(network, settings, isSigmoid) {
    this.network = network;
    this.isSigmoid = isSigmoid;
    this.core = network.core;
    this.settings = settings;
    this.batches = Math.ceil(settings.labels.length / settings.batchSize);
    this.steps = this.batches * settings.epochs;
    this.step = 0;
    this.epoch = 0;
    /** Sum of the losses of the images of this epoch so far. */
    this.lossSum = 0;
    /** Address of the epoch, 0 before the first. */
    this.epochHandle = 0;
    const { core } = this;
    /** Memory that lives as long as the training. */
    this.scope = new Scope(core);
    this.scratch = this.scope.room(16);
    this.samples = this.samplesStruct();
    this.trainer = core.scoped((scope) =>
      core.create(
        scope,
        "trainer_create",
        ...[network.handle, scope.text(`adam learning_rate=${settings.learningRate}`)],
        ...[scope.text(this.lossName()), scope.text(`seed=${settings.seed}`)],
      ),
    );
  }

  /**
   * Trains on the next batch.
   *
   * @returns {Progress} with the loss of the batch, and the accuracy in this epoch
   */
  advance() {
    const { core, settings } = this;
    if (this.step % this.batches === 0) this.beginEpoch();
    core.call("epoch_advance", this.epochHandle, this.scratch);
    this.step += 1;
    core.call("epoch_metrics", this.epochHandle, this.scratch, this.scratch + 8);
    const [mean, accuracy] = [0, 8].map((at) => core.view().getFloat64(this.scratch + at, true));
    const count = settings.labels.length;
    const done = this.step % this.batches || this.batches;
    const images = Math.min(done * settings.batchSize, count);
    const before = (done - 1) * settings.batchSize;
    const difference = Math.max(mean * images - this.lossSum, 0); // may round to below 0
    const loss = difference / (images - before);
    this.lossSum = mean * images;
    return { step: this.step, steps: this.steps, epoch: this.epoch, loss, accuracy };
  }

  /** @returns {boolean} whether all steps are done */
  isDone() {
    return this.step >= this.steps;
  }

  /**
   * Measures the trained model; weights that are not finite are an error.
   *
   * @returns {{loss: number, accuracy: number}} over all images, without shifts
   */
  evaluate() {
    const { core } = this;
    core.call("trainer_check_finite", this.trainer);
    core.call("trainer_evaluate", this.trainer, this.samples, 0, this.scratch, this.scratch + 8);
    const [loss, accuracy] = [0, 8].map((at) => core.view().getFloat64(this.scratch + at, true));
    return { loss, accuracy };
  }

  destroy() {
    const { functions } = this.core;
    functions.cnnx_epoch_destroy(this.epochHandle);
    functions.cnnx_trainer_destroy(this.trainer);
    this.scope.free();
  }

  beginEpoch() {
    const { core, settings } = this;
    core.functions.cnnx_epoch_destroy(this.epochHandle);
    this.epochHandle = 0;
    const lines = [`batch_size=${settings.batchSize} number=${this.epoch} prefetch=false`];
    if (settings.shift) lines.push(`augmentation crop_padding=${SHIFT}`);
    this.epochHandle = core.scoped((scope) =>
      core.create(
        scope,
        "trainer_begin_epoch",
        ...[this.trainer, this.samples, scope.text(lines.join("\n"))],
      ),
    );
    this.epoch += 1;
    this.lossSum = 0;
  }

  lossName() {
    return this.isSigmoid ? "binary_cross_entropy" : "cross_entropy";
  }

  /** @returns {number} address of a cnnx_samples */
  samplesStruct() {
    const { labels, pixels } = this.settings;
    const images = this.scope.copy(pixels);
    const [targets, values] = this.isSigmoid
      ? [0, this.scope.copy(this.oneHot())]
      : [this.scope.copy(BigInt64Array.from(labels, BigInt)), 0];
    const address = this.scope.copy(new Uint8Array(SAMPLES_BYTES));
    const view = this.core.view();
    view.setUint32(address, images, true);
    view.setBigInt64(address + 8, BigInt(labels.length), true);
    view.setUint32(address + 20, targets, true);
    view.setUint32(address + 24, values, true);
    return address;
  }

  /** @returns {Float32Array} one number per output of each image, 1 for its class and 0 for others */
  oneHot() {
    const { labels } = this.settings;
    const outputs = elementCount(this.network.shapes.get(this.network.header.output) ?? [1]);
    if (outputs === 1) return Float32Array.from(labels);
    const values = new Float32Array(labels.length * outputs);
    labels.forEach((label, i) => {
      values[i * outputs + label] = 1;
    });
    return values;
  }
}
