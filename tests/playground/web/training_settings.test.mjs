// Tests of the settings of a training and of the Python program that is shown for them.

import assert from "node:assert/strict";
import test from "node:test";

import { pythonProgram, pythonText } from "../../../python/cnnx/playground/web/python_program.js";
import { numberSetting } from "../../../python/cnnx/playground/web/training_settings.js";

const EPOCHS = { key: "epochs", label: "Epochs", value: 1, low: 1, high: 9, whole: true, words: "" };
const RATE = { ...EPOCHS, label: "Learning rate", low: 1e-7, high: 1, whole: false };
const SETTINGS = /** @type {const} */ ({
  start: "model",
  epochs: 3,
  batchSize: 8,
  learningRate: 0.001,
  shift: false,
  seed: 5,
});
const MODEL = { name: "xo", classes: ["X", "O"], modelClasses: ["X", "O"], isSigmoid: false, outputCount: 2 };

test("numbers are read with a point or a comma", () => {
  assert.equal(numberSetting(EPOCHS, " 7 "), 7);
  assert.equal(numberSetting(RATE, "0,01"), 0.01);
  assert.equal(numberSetting(RATE, "1e-3"), 0.001);
});

test("other numbers are refused with the range", () => {
  for (const text of ["", "0", "10", "2.5", "many", "NaN", "Infinity"]) {
    assert.throws(() => numberSetting(EPOCHS, text), {
      message: `Epochs is “${text}”, expected a whole number from 1 to 9.`,
    });
  }
  assert.throws(() => numberSetting(RATE, "2"), /expected a number from 1e-7 to 1\./);
});

test("the program has the settings, and new classes only if they differ", () => {
  const same = pythonProgram(SETTINGS, MODEL);
  assert.match(same, /^import cnnx\n\nclasses = \["X", "O"\]\nmodel = cnnx\.load\("xo\.cnnx"\)\nfolder = /);
  assert.match(same, /epochs=3,\n {4}batch_size=8,\n\)/);
  const other = pythonProgram({ ...SETTINGS, shift: true }, { ...MODEL, classes: ["A", "B"] });
  assert.match(other, /classes = \["A", "B"\]\n.*\nmodel = model\.with_classes\(classes\)\n/);
  assert.match(other, /augmentation=cnnx\.data\.Augmentation\(crop_padding=2\)/);
});

test("class names become literals of Python", () => {
  assert.equal(pythonText('say "é\\"\n'), '"say \\"é\\\\\\"\\n"');
  assert.equal(pythonText("a\u2028\u007f"), '"a\\u2028\\u007f"');
});
