// Tests of training in a session of the worker, with the module CNNX_WASM_MODULE: stop, errors, reset.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { Core } from "../../../python/cnnx/playground/web/core.js";
import { Network } from "../../../python/cnnx/playground/web/network.js";
import { Session } from "../../../python/cnnx/playground/web/session.js";

const MODULE = process.env.CNNX_WASM_MODULE ?? "";
const skip = existsSync(MODULE) ? false : "needs CNNX_WASM_MODULE, the path of cnnx.wasm";
const LAYERS = "conv2d out_channels=3 kernel_size=3\nrelu\nflatten\ndense out_features=2";
const CLASSES = ["X", "O"];
const STEPS_OF_EPOCH = 2;

/** @returns {Promise<Session>} with a small model */
async function sessionWithModel() {
  const core = await Core.start(await readFile(MODULE));
  const handle = core.scoped((scope) =>
    core.create(
      scope,
      "model_create",
      ...[scope.text(LAYERS), 6n, 6n, 1n, scope.texts(CLASSES), 2n, scope.text("seed=4")],
    ),
  );
  const session = new Session(core);
  session.load(new Network(core, handle).toBytes());
  return session;
}

/**
 * A request to train on six images, four in the first step of each pass.
 * @param {Record<string, any>} changes
 * @returns {any}
 */
function request(changes = {}) {
  return {
    ...{ classes: CLASSES, labels: [0, 1, 0, 1, 0, 1], start: "model", epochs: 4, batchSize: 4 },
    ...{ learningRate: 0.01, shift: true, seed: 3 },
    pixels: Uint8Array.from({ length: 6 * 36 }, (_, k) => (k * k * 31) % 256),
    ...changes,
  };
}

const ignore = () => {};

test("a stopped training has done the steps before the stop, and no other", { skip }, async () => {
  const session = await sessionWithModel();
  const done = await session.train(request({ epochs: 1000 }), ({ step }) => {
    if (step === 3 * STEPS_OF_EPOCH) session.stop();
  });
  assert.equal(done.stopped, true);
  assert.equal(done.steps, 3 * STEPS_OF_EPOCH);
  const other = await sessionWithModel();
  const all = await other.train(request({ epochs: 3 }), ignore);
  assert.equal(all.stopped, false);
  assert.deepEqual(session.save(), other.save());
  assert.deepEqual([done.loss, done.accuracy], [all.loss, all.accuracy]);
});

test("a training after another one continues from its weights", { skip }, async () => {
  const session = await sessionWithModel();
  await session.train(request({ epochs: 1 }), ignore);
  const first = session.save();
  await session.train(request({ epochs: 1 }), ignore);
  const other = await sessionWithModel();
  other.load(first);
  await other.train(request({ epochs: 1 }), ignore);
  assert.deepEqual(session.save(), other.save());
  assert.notDeepEqual(session.save(), first);
});

test("a training that fails leaves the model as it was", { skip }, async () => {
  const session = await sessionWithModel();
  const before = session.save();
  const failing = request({ classes: ["a", "b", "c"], learningRate: 1e38, epochs: 50 });
  await assert.rejects(session.train(failing, ignore), /expected a finite loss/);
  assert.deepEqual(session.save(), before);
  assert.deepEqual(session.info().classes, CLASSES);
  const lastStep = request({ learningRate: 1e38, epochs: 1, batchSize: 6 });
  await assert.rejects(session.train(lastStep, ignore), /expected finite weights/);
  assert.deepEqual(session.save(), before);
  await session.train(request(), ignore);
  assert.notDeepEqual(session.save(), before);
});

test("while it trains, the session has the model for the new classes", { skip }, async () => {
  const session = await sessionWithModel();
  /** @type {string[][]} */
  const seen = [];
  const classes = ["a", "b", "c"];
  const done = await session.train(request({ classes }), () => seen.push(session.info().classes));
  assert.deepEqual(seen, Array.from({ length: 8 }, () => classes));
  assert.deepEqual(done.info.classes, classes);
});

test("other changes are refused while it trains", { skip }, async () => {
  const session = await sessionWithModel();
  const training = session.train(request(), ignore);
  const values = session.array("dense_1.bias");
  assert.throws(() => session.setArray("dense_1.bias", values), /model is training, stop it first/);
  assert.throws(() => session.load(session.save()), /model is training/);
  assert.throws(() => session.resetWeights(), /model is training/);
  await assert.rejects(session.train(request(), ignore), /model is training/);
  await training;
  session.setArray("dense_1.bias", values);
});

test("a reset restores the weights of the last training", { skip }, async () => {
  const session = await sessionWithModel();
  await session.train(request(), ignore);
  const trained = session.save();
  session.setArray("dense_1.bias", Float32Array.of(5, -5));
  assert.notDeepEqual(session.save(), trained);
  session.resetWeights();
  assert.deepEqual(session.save(), trained);
});

test("the losses of the steps have the mean of the passes", { skip }, async () => {
  const session = await sessionWithModel();
  /** @type {number[]} */
  const losses = [];
  const untrained = { learningRate: 0, shift: false, epochs: 2 };
  const run = request(untrained);
  const done = await session.train(run, ({ loss }) => losses.push(loss));
  for (const first of [0, 2]) {
    const mean = (4 * losses[first] + 2 * losses[first + 1]) / 6;
    assert.ok(Math.abs(mean - done.loss) < 1e-6, `${mean} and ${done.loss}`);
  }
});
