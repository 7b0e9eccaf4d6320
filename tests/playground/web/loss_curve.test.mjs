// Tests of the scales of a training's curves.

import assert from "node:assert/strict";
import test from "node:test";

import {
  roundTicks,
  scaledPosition,
  thinnedPoints,
} from "../../../python/cnnx/playground/web/loss_curve.js";

test("ticks are round, begin at 0 and reach the highest value", () => {
  assert.deepEqual(roundTicks(1, 4), [0, 0.5, 1]);
  assert.deepEqual(roundTicks(0.69, 4), [0, 0.2, 0.4, 0.6, 0.8]);
  assert.deepEqual(roundTicks(200, 4), [0, 50, 100, 150, 200]);
  assert.deepEqual(roundTicks(0.0003, 4), [0, 0.0001, 0.0002, 0.0003]);
  for (const high of [1e-9, 0.1, 0.3, 1.7, 2.302585, 9.99, 12345, 1e12]) {
    const ticks = roundTicks(high, 4);
    assert.ok(ticks.at(-1) >= high * (1 - 1e-6), `${high}: ${ticks}`);
    assert.ok(ticks.at(-2) < high, `${high}: ${ticks}`);
    assert.ok(ticks.length <= 6, `${high}: ${ticks}`);
  }
});

test("a position lies between the ends, whatever the value", () => {
  assert.equal(scaledPosition(0, 2, 176, 30), 176);
  assert.equal(scaledPosition(2, 2, 176, 30), 30);
  assert.equal(scaledPosition(1, 2, 176, 30), 103);
  assert.equal(scaledPosition(5, 2, 176, 30), 30);
});

test("thinned points are means of neighbours, at the last step of each", () => {
  /** @type {Array<[number, number]>} */
  const points = [[1, 4], [2, 2], [3, 1], [4, 3], [5, 7]];
  assert.equal(thinnedPoints(points, 5), points);
  assert.deepEqual(thinnedPoints(points, 3), [[2, 3], [4, 2], [5, 7]]);
});
