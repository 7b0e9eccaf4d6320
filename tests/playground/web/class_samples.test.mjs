// Tests of the images that a reader collects: names, order, and what is refused.

import assert from "node:assert/strict";
import test from "node:test";

import {
  ClassSamples,
  byCodePoints,
} from "../../../python/cnnx/playground/web/class_samples.js";
import { fileNameOf } from "../../../python/cnnx/playground/web/download.js";

/**
 * Classes with as many images as given, each of one pixel.
 * @param {Record<string, number[]>} pixels by class
 */
function samplesOf(pixels) {
  const samples = new ClassSamples(Object.keys(pixels));
  for (const each of samples.classes) {
    each.images.push(...pixels[each.name].map((pixel) => Uint8Array.of(pixel)));
  }
  return samples;
}

test("images are trained in the order of the folders, with labels in the order of the outputs", () => {
  const set = samplesOf({ X: [1, 2], O: [3, 4] }).trainingSet();
  assert.deepEqual(set.pixels, Uint8Array.of(3, 4, 1, 2));
  assert.deepEqual(set.labels, [1, 1, 0, 0]);
  assert.deepEqual(set.classes, ["X", "O"]);
});

test("files have a folder per class and names in their order", () => {
  const files = samplesOf({ X: [1, 2], O: [3] }).files("model-images");
  assert.deepEqual(files, [
    { name: "model-images/O/00001.png", pixels: Uint8Array.of(3) },
    { name: "model-images/X/00001.png", pixels: Uint8Array.of(1) },
    { name: "model-images/X/00002.png", pixels: Uint8Array.of(2) },
  ]);
});

test("names are ordered by code points, as in Python", () => {
  const names = ["\u{1f600}", "\uff5e", "b", "a", "B", "ab", ""];
  assert.deepEqual(names.sort(byCodePoints), ["", "B", "a", "ab", "b", "\uff5e", "\u{1f600}"]);
});

test("a class with fewer than two images is named, with the next step", () => {
  assert.equal(samplesOf({ X: [1, 2], O: [3, 4] }).problem(), "");
  assert.match(
    samplesOf({ X: [1, 2], O: [3] }).problem(),
    /^Class O has 1 image, expected at least 2: draw one and add it, or remove the class\.$/,
  );
  assert.match(samplesOf({ X: [], O: [3] }).problem(), /^Class X has no images/);
});

test("there are always two classes, and new ones have names of their own", () => {
  const samples = new ClassSamples([]);
  assert.deepEqual(samples.names(), ["Class 1", "Class 2"]);
  assert.throws(() => samples.removeClass(samples.classes[0]), /at least 2 classes/);
  samples.addClass();
  samples.removeClass(samples.classes[0]);
  samples.addClass();
  assert.deepEqual(samples.names(), ["Class 2", "Class 3", "Class 4"]);
});

test("a name is trimmed, and an empty or a second one is refused", () => {
  const samples = samplesOf({ X: [], O: [] });
  samples.renameClass(samples.classes[0], "  cross ");
  assert.deepEqual(samples.names(), ["cross", "O"]);
  samples.renameClass(samples.classes[0], "cross");
  assert.throws(() => samples.renameClass(samples.classes[0], " "), /name of a class is empty/);
  assert.throws(() => samples.renameClass(samples.classes[0], "O"), /is a class O already/);
  assert.deepEqual(samples.names(), ["cross", "O"]);
});

test("names that cannot be folders are refused when files are made", () => {
  for (const name of ["a/b", "a\\b", "C:", "..", ".hidden", "end.", "tab\t", "__MACOSX"]) {
    assert.throws(() => samplesOf({ [name]: [1], O: [2] }).files("images"), /cannot be the name/);
  }
  assert.throws(() => samplesOf({ a: [1], A: [2] }).files("images"), /a and A are one folder/);
  assert.equal(samplesOf({ "Größe 1 (neu)": [1], "数": [2] }).files("images").length, 2);
});

test("a title becomes the name of a file", () => {
  assert.equal(fileNameOf("digits"), "digits");
  assert.equal(fileNameOf("a/b: c?"), "a_b_ c_");
  assert.equal(fileNameOf(" ..x. "), "x");
  assert.equal(fileNameOf("."), "model");
});
