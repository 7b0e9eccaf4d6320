// Cells that a layer only moved come from the cells that the layers' definitions name.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explainCell } from "../../../python/cnnx/playground/web/arithmetic.js";
import { entryOf, placeOf } from "../../../python/cnnx/playground/web/moved_cells.js";
import { at, built, indicesOf, padded, randomArray, randomNumbers } from "./reference_layers.mjs";

/** Check that every cell is a copy of the cell that the explanation names. */
function checkCopies(kind, settings, inputs, output) {
  for (const index of indicesOf(output.shape)) {
    const cell = { kind, settings, index, inputs, arrays: {}, output };
    const { steps, computed, result } = explainCell(cell);
    assert.equal(computed, result, `${kind} at ${index}`);
    if (steps.index) assert.equal(at(inputs[steps.input], steps.index), result);
  }
}

const random = randomNumbers(3);
const x = randomArray([4, 6, 12], random);

test("entries of a list and their places", () => {
  for (const index of indicesOf([3, 4, 5])) {
    assert.deepEqual(placeOf(entryOf(index, [3, 4, 5]), [3, 4, 5]), index);
  }
  assert.equal(entryOf([1, 2, 3], [3, 4, 5]), 33);
});

test("flatten, concat, slice and shuffle", () => {
  checkCopies("flatten", {}, [x], { values: x.values, shape: [x.values.length] });
  const narrow = [x.shape[1], x.shape[2], x.shape[0]];
  checkCopies("reshape", {}, [x], { values: x.values, shape: narrow });
  const y = randomArray([4, 6, 3], random);
  const joined = built([4, 6, 15], ([r, c, m]) =>
    m < 12 ? at(x, [r, c, m]) : at(y, [r, c, m - 12]),
  );
  checkCopies("concat", {}, [x, y], joined);
  checkCopies(
    "slice_channels",
    { start: 5, stop: 9 },
    [x],
    built([4, 6, 4], ([r, c, m]) => at(x, [r, c, m + 5])),
  );
  const shuffled = new Map();
  for (let group = 0; group < 3; group++) {
    for (let k = 0; k < 4; k++) shuffled.set(k * 3 + group, group * 4 + k);
  }
  const output = built(x.shape, ([r, c, m]) => at(x, [r, c, shuffled.get(m)]));
  checkCopies("channel_shuffle", { groups: 3 }, [x], output);
});

test("borders of zeros, of mirrored and of repeated edges", () => {
  const padding = [1, 2, 3, 0];
  checkCopies("zero_pad2d", { padding }, [x], padded(x, padding, 0));
  const line = (size, before, after, isMirrored) => {
    const inner = Array.from({ length: size }, (_, k) => k);
    const first = isMirrored ? inner.slice(1, before + 1).reverse() : new Array(before).fill(0);
    const last = isMirrored
      ? inner.slice(size - 1 - after, size - 1).reverse()
      : new Array(after).fill(size - 1);
    return [...first, ...inner, ...last];
  };
  for (const mode of ["reflect", "edge"]) {
    const rows = line(4, 1, 2, mode === "reflect");
    const columns = line(6, 3, 0, mode === "reflect");
    const output = built([7, 9, 12], ([r, c, m]) => at(x, [rows[r], columns[c], m]));
    checkCopies("pad2d", { padding, mode }, [x], output);
  }
});

test("maps without outer rows and columns", () => {
  const output = built([2, 3, 12], ([r, c, m]) => at(x, [r + 2, c + 1, m]));
  checkCopies("crop2d", { cropping: [2, 0, 1, 2] }, [x], output);
});

test("blocks of cells to maps and back", () => {
  for (const mode of ["DCR", "CRD"]) {
    const settings = { block_size: 2, mode };
    const mapOf = (i, j, m) => (mode === "DCR" ? (i * 2 + j) * 3 + m : m * 4 + i * 2 + j);
    const large = built([8, 12, 3], ([r, c, m]) => at(x, [r >> 1, c >> 1, mapOf(r & 1, c & 1, m)]));
    checkCopies("depth_to_space", settings, [x], large);
    checkCopies("space_to_depth", settings, [large], x);
  }
});

test("enlarged maps", () => {
  const nearest = built([8, 18, 12], ([r, c, m]) => at(x, [r >> 1, Math.floor(c / 3), m]));
  const settings = { mode: "nearest", scale_factor: [2, 3], size: [0, 0] };
  checkCopies("upsample2d", settings, [x], nearest);
  const small = randomArray([2, 3, 1], random);
  for (const align_corners of [false, true]) {
    const place = (k, size, large) =>
      align_corners
        ? (k * (size - 1)) / (large - 1)
        : Math.max(((k + 0.5) * size) / large - 0.5, 0);
    const tent = (distance) => Math.max(1 - Math.abs(distance), 0);
    const output = built([5, 6, 1], ([r, c]) => {
      // Every cell weighs by its distance; beyond the edge the edge repeats.
      const [y, z] = [Math.min(place(r, 2, 5), 1), Math.min(place(c, 3, 6), 2)];
      let total = 0;
      for (const [i, j] of indicesOf([2, 3]))
        total += at(small, [i, j, 0]) * tent(y - i) * tent(z - j);
      return total;
    });
    for (const index of indicesOf(output.shape)) {
      const cell = {
        kind: "upsample2d",
        settings: { mode: "bilinear", align_corners },
        index,
        inputs: [small],
        arrays: {},
        output,
      };
      const { computed, result } = explainCell(cell);
      assert.ok(Math.abs(computed - result) < 1e-6, `${index}: ${computed}, not ${result}`);
    }
  }
});
