// The arithmetic of single cells gives what whole layers give, for random shapes and settings.

import assert from "node:assert/strict";
import { test } from "node:test";

import { agrees, explainCell } from "../../../python/cnnx/playground/web/arithmetic.js";
import { at, built, convolution, indicesOf, pooled } from "./reference_layers.mjs";
import { randomArray, randomNumbers } from "./reference_layers.mjs";

/** Compare the arithmetic of every cell of a layer with the layer's output. */
function checkEveryCell(kind, settings, inputs, arrays, output) {
  const weights = Object.fromEntries(Object.entries(arrays).map(([k, v]) => [k, v.values]));
  for (const index of indicesOf(output.shape)) {
    const cell = { kind, settings, index, inputs, arrays: weights, output };
    const { computed, result } = explainCell(cell);
    assert.equal(result, at(output, index));
    const tolerance = 2e-6 * Math.max(1, Math.abs(result));
    const place = `${kind} ${JSON.stringify(settings)} at ${index}: ${computed}, not ${result}`;
    assert.ok(Math.abs(computed - result) <= tolerance, place);
  }
}

const CONVOLUTIONS = [
  { kernel_size: [3, 3], stride: [1, 1], padding: "same", dilation: [1, 1], groups: 1, filters: 4 },
  { kernel_size: [5, 3], stride: [2, 1], padding: "same", dilation: [1, 2], groups: 1, filters: 2 },
  {
    kernel_size: [2, 4],
    stride: [1, 3],
    padding: "valid",
    dilation: [2, 1],
    groups: 1,
    filters: 3,
  },
  {
    kernel_size: [3, 3],
    stride: [2, 2],
    padding: [0, 1, 2, 0],
    dilation: [1, 1],
    groups: 2,
    filters: 4,
  },
  {
    kernel_size: [3, 3],
    stride: [1, 1],
    padding: [1, 1, 1, 1],
    dilation: [2, 2],
    groups: 4,
    filters: 8,
  },
  {
    kernel_size: [1, 1],
    stride: [2, 1],
    padding: "valid",
    dilation: [1, 1],
    groups: 1,
    filters: 3,
  },
  {
    kernel_size: [1, 1],
    stride: [1, 1],
    padding: "valid",
    dilation: [1, 1],
    groups: 2,
    filters: 2,
  },
];

for (const [number, { filters, ...settings }] of CONVOLUTIONS.entries()) {
  for (const hasBias of [true, false]) {
    test(`convolution ${number}${hasBias ? " with bias" : ""}`, () => {
      const random = randomNumbers(number + 1);
      const x = randomArray([9, 8, 4], random);
      const reads = 4 / settings.groups;
      const weight = randomArray([...settings.kernel_size, reads, filters], random);
      const bias = hasBias ? randomArray([filters], random) : undefined;
      const output = convolution(x, weight, bias, settings);
      const arrays = bias ? { weight, bias } : { weight };
      checkEveryCell("conv2d", settings, [x], arrays, output);
    });
  }
}

test("a convolution names the window and the maps that it read", () => {
  const x = randomArray([6, 6, 4], randomNumbers(1));
  const settings = {
    kernel_size: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 2,
  };
  const weight = randomArray([3, 3, 2, 4], randomNumbers(2));
  const output = convolution(x, weight, undefined, settings);
  const arrays = { weight: weight.values };
  const { reads, steps } = explainCell({
    kind: "conv2d",
    settings,
    index: [0, 1, 3],
    inputs: [x],
    arrays,
    output,
  });
  assert.deepEqual(reads, [
    { input: 0, frame: { top: -1, left: 1, rows: 3, columns: 3 }, first: 2, count: 2 },
  ]);
  assert.deepEqual(steps.window.inside, [false, false, false, true, true, true, true, true, true]);
  assert.equal(steps.window.values[3 * 2], at(x, [0, 1, 2]));
  assert.equal(steps.byMap.length, 2);
});

const POOLS = [
  { kernel_size: [2, 2], stride: [2, 2], padding: "valid", dilation: [1, 1] },
  { kernel_size: [3, 2], stride: [2, 1], padding: "same", dilation: [1, 1] },
  { kernel_size: [3, 3], stride: [2, 2], padding: [1, 1, 1, 0], dilation: [1, 1] },
  { kernel_size: [2, 2], stride: [1, 2], padding: [1, 0, 1, 1], dilation: [2, 2] },
];
const isNumber = (value) => !Number.isNaN(value);
const sum = (values) => values.reduce((a, b) => a + b, 0);

for (const [number, settings] of POOLS.entries()) {
  const x = randomArray([7, 8, 3], randomNumbers(number + 40));
  test(`max pool ${number}`, () => {
    const output = pooled(x, settings, (cells) => Math.max(...cells.filter(isNumber)));
    checkEveryCell("max_pool2d", settings, [x], {}, output);
  });
  for (const counts of [true, false]) {
    test(`average pool ${number} that ${counts ? "counts" : "leaves out"} the padding`, () => {
      const full = { ...settings, count_include_pad: counts };
      const output = pooled(x, settings, (cells) => {
        const inside = cells.filter(isNumber);
        const divisor = counts && settings.padding !== "same" ? cells.length : inside.length;
        return sum(inside) / divisor;
      });
      checkEveryCell("avg_pool2d", full, [x], {}, output);
    });
  }
}

test("a last window beyond the padding counts the padded image only", () => {
  const x = randomArray([5, 5, 1], randomNumbers(5));
  const settings = {
    kernel_size: [2, 2],
    stride: [2, 2],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    count_include_pad: true,
    ceil_mode: true,
  };
  const output = built([3, 3, 1], ([i, j]) => {
    const cells = [];
    for (const [r, c] of indicesOf([2, 2])) {
      if (2 * i + r < 5 && 2 * j + c < 5) cells.push(at(x, [2 * i + r, 2 * j + c, 0]));
    }
    return sum(cells) / cells.length;
  });
  checkEveryCell("avg_pool2d", settings, [x], {}, output);
});

test("means of parts and of whole maps", () => {
  const x = randomArray([7, 5, 2], randomNumbers(6));
  const parts = built([3, 2, 2], ([i, j, map]) => {
    const cells = [];
    for (let r = Math.floor((i * 7) / 3); r < Math.ceil(((i + 1) * 7) / 3); r++) {
      for (let c = Math.floor((j * 5) / 2); c < Math.ceil(((j + 1) * 5) / 2); c++) {
        cells.push(at(x, [r, c, map]));
      }
    }
    return sum(cells) / cells.length;
  });
  checkEveryCell("adaptive_avg_pool2d", { output_size: [3, 2] }, [x], {}, parts);
  const whole = built([2], ([map]) => {
    let total = 0;
    for (const [r, c] of indicesOf([7, 5])) total += at(x, [r, c, map]);
    return total / 35;
  });
  checkEveryCell("global_avg_pool2d", {}, [x], {}, whole);
});

test("a dense layer, with and without bias", () => {
  const random = randomNumbers(7);
  const x = randomArray([30], random);
  const weight = randomArray([30, 4], random);
  const bias = randomArray([4], random);
  const score = (out) => sum(Array.from(x.values, (value, k) => value * at(weight, [k, out])));
  checkEveryCell(
    "dense",
    {},
    [x],
    { weight, bias },
    built([4], ([out]) => score(out) + bias.values[out]),
  );
  checkEveryCell(
    "dense",
    {},
    [x],
    { weight },
    built([4], ([out]) => score(out)),
  );
});

/** Values minus their mean, divided by their deviation. */
function standardised(values, epsilon) {
  const mean = sum(values) / values.length;
  const variance = sum(values.map((value) => value * value)) / values.length - mean * mean;
  return (value) => (value - mean) / Math.sqrt(variance + epsilon);
}

test("norms", () => {
  const random = randomNumbers(8);
  const x = randomArray([3, 4, 6], random);
  const weight = randomArray([6], random);
  const bias = randomArray([6], random);
  const running_mean = randomArray([6], random);
  const running_variance = {
    values: Float32Array.from({ length: 6 }, () => random() + 0.1),
    shape: [6],
  };
  const settings = { epsilon: 1e-3, groups: 2 };
  const affine = (value, map) => value * weight.values[map] + bias.values[map];
  const batch = built(x.shape, (index) => {
    const map = index[2];
    const deviation = (running_variance.values[map] + 1e-3) ** 0.5;
    return affine((at(x, index) - running_mean.values[map]) / deviation, map);
  });
  checkEveryCell(
    "batch_norm2d",
    settings,
    [x],
    { weight, bias, running_mean, running_variance },
    batch,
  );
  const plain = built(x.shape, (index) => {
    const map = index[2];
    return (at(x, index) - running_mean.values[map]) / (running_variance.values[map] + 1e-3) ** 0.5;
  });
  checkEveryCell("batch_norm2d", settings, [x], { running_mean, running_variance }, plain);
  const group = built(x.shape, (index) => {
    const first = index[2] < 3 ? 0 : 3;
    const own = [];
    for (const each of indicesOf([3, 4, 3])) own.push(at(x, [each[0], each[1], first + each[2]]));
    return affine(standardised(own, 1e-3)(at(x, index)), index[2]);
  });
  checkEveryCell("group_norm", settings, [x], { weight, bias }, group);
  const layer = built(x.shape, (index) => {
    const own = [0, 1, 2, 3, 4, 5].map((map) => at(x, [index[0], index[1], map]));
    return affine(standardised(own, 1e-3)(at(x, index)), index[2]);
  });
  checkEveryCell("layer_norm", settings, [x], { weight, bias }, layer);
});

test("local response norm of odd and even sizes", () => {
  const x = randomArray([2, 2, 7], randomNumbers(9));
  for (const size of [3, 4, 5]) {
    const settings = { size, alpha: 0.3, beta: 0.75, k: 1.5 };
    const below = size % 2 ? (size - 1) / 2 : size / 2 - 1;
    const output = built(x.shape, (index) => {
      const [row, column, map] = index;
      let squares = 0;
      for (let other = 0; other < 7; other++) {
        const isNear = other >= map - below && other < map - below + size;
        if (isNear) squares += at(x, [row, column, other]) ** 2;
      }
      return at(x, index) / (1.5 + (0.3 / size) * squares) ** 0.75;
    });
    checkEveryCell("lrn", settings, [x], {}, output);
  }
});

test("global response norm", () => {
  const random = randomNumbers(12);
  const [x, weight, bias] = [[3, 4, 2], [2], [2]].map((shape) => randomArray(shape, random));
  const norms = [0, 1].map((channel) => {
    let squares = 0;
    for (let k = channel; k < x.values.length; k += 2) squares += x.values[k] ** 2;
    return Math.sqrt(squares);
  });
  const mean = (norms[0] + norms[1]) / 2;
  const output = built(x.shape, (index) => {
    const channel = index[2];
    const factor = (weight.values[channel] * norms[channel]) / (mean + 0.25);
    return at(x, index) * (1 + factor) + bias.values[channel];
  });
  checkEveryCell("global_response_norm", { epsilon: 0.25 }, [x], { weight, bias }, output);
});

test("L2 norm and RMS norm", () => {
  const random = randomNumbers(13);
  const [x, weight] = [[2, 3, 5], [5]].map((shape) => randomArray(shape, random));
  const norm = ([row, column]) =>
    Math.hypot(...[0, 1, 2, 3, 4].map((map) => at(x, [row, column, map])));
  for (const epsilon of [1e-12, 100]) {
    const output = built(x.shape, (index) => at(x, index) / Math.max(norm(index), epsilon));
    checkEveryCell("l2_norm", { epsilon }, [x], {}, output);
  }
  const plain = built(x.shape, (index) => at(x, index) / Math.sqrt(norm(index) ** 2 / 5 + 0.25));
  checkEveryCell("rms_norm", { epsilon: 0.25 }, [x], {}, plain);
  const scaled = built(x.shape, (index) => at(plain, index) * weight.values[index[2]]);
  checkEveryCell("rms_norm", { epsilon: 0.25 }, [x], { weight }, scaled);
});

test("scale and shift, sums and products", () => {
  const random = randomNumbers(10);
  const [x, y, z] = [0, 1, 2].map(() => randomArray([3, 4, 2], random));
  const weight = randomArray([2], random);
  const bias = randomArray([2], random);
  const scaled = built(
    x.shape,
    (index) => at(x, index) * weight.values[index[2]] + bias.values[index[2]],
  );
  checkEveryCell("scale2d", {}, [x], { weight, bias }, scaled);
  checkEveryCell(
    "scale2d",
    {},
    [x],
    { weight },
    built(x.shape, (i) => at(x, i) * weight.values[i[2]]),
  );
  checkEveryCell(
    "add",
    {},
    [x, y, z],
    {},
    built(x.shape, (i) => at(x, i) + at(y, i) + at(z, i)),
  );
  checkEveryCell(
    "multiply",
    {},
    [x, y],
    {},
    built(x.shape, (i) => at(x, i) * at(y, i)),
  );
  checkEveryCell(
    "maximum",
    {},
    [x, y, z],
    {},
    built(x.shape, (i) => Math.max(at(x, i), at(y, i), at(z, i))),
  );
  const factors = [
    [[2], (i) => [i[2]]],
    [[1, 1, 2], (i) => [0, 0, i[2]]],
    [[3, 4, 1], (i) => [i[0], i[1], 0]],
  ];
  for (const [shape, placeOf] of factors) {
    const factor = randomArray(shape, random);
    const output = built(x.shape, (i) => at(x, i) * at(factor, placeOf(i)));
    checkEveryCell("multiply", {}, [x, factor], {}, output);
  }
});

test("matrix products of every form", () => {
  const random = randomNumbers(12);
  const [rows, depth, columns] = [3, 4, 5];
  for (const transposed of ["none", "first", "second"]) {
    const isFirst = transposed === "first";
    const isSecond = transposed === "second";
    const x = randomArray(isFirst ? [2, depth, rows] : [2, rows, depth], random);
    const y = randomArray(isSecond ? [2, columns, depth] : [2, depth, columns], random);
    const output = built([2, rows, columns], ([row, i, j]) => {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum += at(x, isFirst ? [row, k, i] : [row, i, k]) * at(y, isSecond ? [row, j, k] : [row, k, j]);
      }
      return sum;
    });
    checkEveryCell("matmul", { transposed }, [x, y], {}, output);
  }
});

test("a trained array is the same whatever the input", () => {
  const [x, weight] = [randomArray([5], randomNumbers(13)), randomArray([3, 4, 2], randomNumbers(14))];
  checkEveryCell("parameter", {}, [x], { weight }, weight);
});

test("softmax and its logarithm over the last axis", () => {
  for (const shape of [[5], [2, 3, 4]]) {
    const x = randomArray(shape, randomNumbers(11));
    const last = shape[shape.length - 1];
    const total = (index) => {
      let powers = 0;
      for (let k = 0; k < last; k++) powers += Math.exp(at(x, [...index.slice(0, -1), k]));
      return powers;
    };
    checkEveryCell(
      "softmax",
      {},
      [x],
      {},
      built(shape, (i) => Math.exp(at(x, i)) / total(i)),
    );
    checkEveryCell(
      "log_softmax",
      {},
      [x],
      {},
      built(shape, (i) => at(x, i) - Math.log(total(i))),
    );
  }
});

test("the steps of transposed convolutions are not spelled out", () => {
  const x = randomArray([2, 2, 1], randomNumbers(12));
  const cell = {
    kind: "conv_transpose2d",
    settings: {},
    index: [1, 0, 0],
    inputs: [x],
    arrays: {},
    output: x,
  };
  const explanation = explainCell(cell);
  assert.equal(explanation.steps.form, "named");
  assert.equal(explanation.result, at(x, [1, 0, 0]));
  assert.ok(agrees(explanation, 1));
});

test("steps with other weights than those of the run do not agree", () => {
  const explanation = (computed, result) => ({
    steps: { form: "named" },
    reads: [],
    computed,
    result,
  });
  assert.ok(agrees(explanation(1.00001, 1), 1));
  assert.ok(agrees(explanation(1e-5, 0), 1));
  assert.ok(!agrees(explanation(1.01, 1), 1));
  assert.ok(!agrees(explanation(0.01, 0), 1));
});
