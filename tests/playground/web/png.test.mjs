// Tests of the PNG writer; tests/playground/test_collected_images.py reads its files with Python.

import assert from "node:assert/strict";
import test from "node:test";
import { inflateSync } from "node:zlib";

import { pngOfPixels } from "../../../python/cnnx/playground/web/png.js";

test("a PNG file holds the rows of the image, each after a zero", async () => {
  const png = await pngOfPixels(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 3, 1]);
  const view = new DataView(png.buffer);
  assert.deepEqual([view.getUint32(16), view.getUint32(20)], [3, 2]);
  assert.deepEqual([...png.subarray(24, 29)], [8, 0, 0, 0, 0]);
  const length = view.getUint32(33);
  assert.deepEqual([...inflateSync(png.subarray(41, 41 + length))], [0, 1, 2, 3, 0, 4, 5, 6]);
});

test("three channels are RGB", async () => {
  const png = await pngOfPixels(Uint8Array.of(1, 2, 3), [1, 1, 3]);
  assert.equal(png[25], 2);
});

test("other numbers of channels are refused", async () => {
  await assert.rejects(pngOfPixels(new Uint8Array(2), [1, 1, 2]), /has 2 channels, expected 1 or 3/);
});
