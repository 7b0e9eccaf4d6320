// The brush, the texts of numbers, the filters to try and the grouping of layers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawCross, drawLine } from "../../../python/cnnx/playground/web/brush.js";
import { presetNames, presetWeights } from "../../../python/cnnx/playground/web/filter_presets.js";
import { addedText, decimalsOf, fixed } from "../../../python/cnnx/playground/web/numbers.js";
import { percent, shapeText, significant } from "../../../python/cnnx/playground/web/numbers.js";
import { stageGroups } from "../../../python/cnnx/playground/web/stage_groups.js";

const empty = (height, width, channels = 1) => ({
  pixels: new Uint8Array(height * width * channels),
  height,
  width,
  channels,
});

test("a dot covers pixels by their distance", () => {
  const raster = empty(5, 5);
  drawLine(raster, { x: 2.5, y: 2.5 }, { x: 2.5, y: 2.5 }, { radius: 1, colour: [255] });
  const beside = Math.round(255 * (1.5 - Math.SQRT2));
  assert.deepEqual(Array.from(raster.pixels.slice(5, 20)), [
    0,
    beside,
    128,
    beside,
    0,
    0,
    128,
    255,
    128,
    0,
    0,
    beside,
    128,
    beside,
    0,
  ]);
  assert.ok(raster.pixels.slice(0, 5).every((value) => value === 0));
});

test("a line is as good as its parts, and strokes over it change nothing", () => {
  const brush = { radius: 1.3, colour: [255] };
  const whole = empty(28, 28);
  drawLine(whole, { x: 3, y: 4 }, { x: 23, y: 19 }, brush);
  const parts = empty(28, 28);
  drawLine(parts, { x: 3, y: 4 }, { x: 13, y: 11.5 }, brush);
  drawLine(parts, { x: 13, y: 11.5 }, { x: 23, y: 19 }, brush);
  drawLine(parts, { x: 13, y: 11.5 }, { x: 3, y: 4 }, brush);
  const differences = parts.pixels.map((value, k) => Math.abs(value - whole.pixels[k]));
  assert.ok(Math.max(...differences) <= 1); // of rounding
  assert.ok(whole.pixels.some((value) => value === 255));
});

test("black erases, and lines may leave the image", () => {
  const raster = empty(6, 6);
  raster.pixels.fill(200);
  drawLine(raster, { x: -5, y: 3 }, { x: 50, y: 3 }, { radius: 1, colour: [0] });
  assert.ok(raster.pixels.slice(12, 24).every((value) => value === 0));
  assert.ok(raster.pixels.slice(0, 6).every((value) => value === 200));
});

test("colours are mixed in images of three channels", () => {
  const raster = empty(3, 3, 3);
  raster.pixels.fill(100);
  drawLine(raster, { x: 1.5, y: 1.5 }, { x: 1.5, y: 1.5 }, { radius: 0.5, colour: [255, 0, 100] });
  assert.deepEqual(Array.from(raster.pixels.slice(12, 15)), [255, 0, 100]);
  assert.deepEqual(Array.from(raster.pixels.slice(0, 3)), [100, 100, 100]);
});

test("the first image is an X: symmetric, bright in the middle, dark at the edge", () => {
  const raster = empty(28, 28);
  drawCross(raster, { radius: 1.3, colour: [255] });
  const pixel = (row, column) => raster.pixels[row * 28 + column];
  assert.equal(pixel(14, 14), 255);
  assert.equal(pixel(14, 4), 0);
  for (let row = 0; row < 28; row++) {
    for (let column = 0; column < 28; column++)
      assert.equal(pixel(row, column), pixel(row, 27 - column));
  }
});

test("numbers have as many digits as a reader can compare", () => {
  assert.equal(decimalsOf([0.5, -12]), 1);
  assert.equal(decimalsOf([0]), 2);
  assert.equal(fixed(-0.0001, 2), "0.00");
  assert.equal(significant(0.12345), "0.1235");
  assert.equal(significant(1234.5), (1234.5).toFixed(1));
  assert.equal(addedText(["1.0", "-2.0", "3.0"]), "1.0 - 2.0 + 3.0");
  assert.equal(percent(0.8321), "83.2 %");
  assert.equal(percent(0.99999), "> 99.9 %");
  assert.equal(percent(1e-9, ["under ", "over "]), "under 0.1 %");
  assert.equal(percent(1), "100.0 %");
  assert.equal(shapeText([28, 28, 6]), "6 maps of 28\u00a0×\u00a028");
  assert.equal(shapeText([1200]), "1,200 numbers");
});

test("filters to try lie at the centre of larger ones", () => {
  assert.deepEqual(presetNames(2, 3), []);
  assert.deepEqual(presetNames(1, 1), []);
  assert.equal(presetWeights("Identity", 3, 3)[4], 1);
  const wide = presetWeights("Edges", 5, 7);
  assert.equal(wide.length, 35);
  assert.equal(wide[17], 8);
  assert.equal(
    wide.reduce((a, b) => a + b),
    0,
  );
  assert.equal(wide[0], 0);
  assert.ok(Math.abs(presetWeights("Blur", 3, 3).reduce((a, b) => a + b) - 1) < 1e-12);
});

test("layers that only one layer reads belong to a stage", () => {
  const layer = (name, kind, ...inputs) => ({
    name,
    kind,
    inputs,
    settings: {},
    shape: [1],
    arrays: {},
  });
  const layers = [
    layer("a", "conv2d", "input"),
    layer("b", "batch_norm2d", "a"),
    layer("c", "relu", "b"),
    layer("d", "conv2d", "c"),
    layer("e", "add", "d", "c"),
    layer("f", "relu", "e"),
    layer("g", "flatten", "f"),
    layer("h", "dense", "g"),
    layer("i", "softmax", "h"),
  ];
  const groups = stageGroups(layers, layers[7]).map((group) =>
    group.map(({ name }) => name).join(""),
  );
  assert.deepEqual(groups, ["abc", "d", "ef", "g", "h"]);
});
