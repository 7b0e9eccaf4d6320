// Whole layers in double precision, computed another way than the page's single cells.

/**
 * @typedef {{values: Float32Array, shape: number[]}} Numbers
 */

/** A generator of numbers from 0 to 1 with a fixed sequence (mulberry32). */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** An array of numbers from -1 to 1. */
export function randomArray(shape, random) {
  const size = shape.reduce((a, b) => a * b, 1);
  return { values: Float32Array.from({ length: size }, () => 2 * random() - 1), shape };
}

/** Every index of a shape. */
export function* indicesOf(shape) {
  const size = shape.reduce((a, b) => a * b, 1);
  for (let k = 0; k < size; k++) {
    const index = [];
    let rest = k;
    for (const length of [...shape].reverse()) {
      index.unshift(rest % length);
      rest = Math.floor(rest / length);
    }
    yield index;
  }
}

/** The number at an index. */
export function at(numbers, index) {
  let place = 0;
  index.forEach((each, axis) => (place = place * numbers.shape[axis] + each));
  return numbers.values[place];
}

/** An array made from a function of the index. */
export function built(shape, numberAt) {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(size);
  let k = 0;
  for (const index of indicesOf(shape)) values[k++] = numberAt(index);
  return { values, shape };
}

/** Maps with a border of a constant; padding is (top, bottom, left, right). */
export function padded(x, [top, bottom, left, right], constant) {
  const [height, width, channels] = x.shape;
  return built([height + top + bottom, width + left + right, channels], ([row, column, map]) => {
    const [r, c] = [row - top, column - left];
    return r >= 0 && r < height && c >= 0 && c < width ? at(x, [r, c, map]) : constant;
  });
}

/** Padding (top, bottom, left, right) of a setting, and the output's height and width. */
export function geometryOf(settings, [height, width]) {
  const sizes = [height, width];
  const extents = settings.kernel_size.map(
    (each, axis) => (each - 1) * settings.dilation[axis] + 1,
  );
  if (settings.padding === "same") {
    const out = sizes.map((size, axis) => Math.ceil(size / settings.stride[axis]));
    const sides = out.flatMap((size, axis) => {
      const needed = (size - 1) * settings.stride[axis] + extents[axis] - sizes[axis];
      const total = Math.max(needed, 0);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return { sides, out };
  }
  const sides = settings.padding === "valid" ? [0, 0, 0, 0] : settings.padding;
  const out = sizes.map((size, axis) => {
    const whole = size + sides[2 * axis] + sides[2 * axis + 1];
    return Math.floor((whole - extents[axis]) / settings.stride[axis]) + 1;
  });
  return { sides, out };
}

/** A convolution, which scatters each cell of the bordered maps to all sums that read it. */
export function convolution(x, weight, bias, settings) {
  const { sides, out } = geometryOf(settings, x.shape);
  const wide = padded(x, sides, 0);
  const [rows, columns, reads, filters] = weight.shape;
  const each = filters / settings.groups;
  const sums = new Float64Array(out[0] * out[1] * filters);
  for (const [row, column, map] of indicesOf(wide.shape)) {
    const group = Math.floor(map / reads);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const i = (row - r * settings.dilation[0]) / settings.stride[0];
        const j = (column - c * settings.dilation[1]) / settings.stride[1];
        const lies = Number.isInteger(i) && Number.isInteger(j) && i >= 0 && j >= 0;
        if (!lies || i >= out[0] || j >= out[1]) continue;
        for (let filter = group * each; filter < (group + 1) * each; filter++) {
          const factor = at(weight, [r, c, map % reads, filter]);
          sums[(i * out[1] + j) * filters + filter] += at(wide, [row, column, map]) * factor;
        }
      }
    }
  }
  return built([...out, filters], (index) => {
    const place = (index[0] * out[1] + index[1]) * filters + index[2];
    return sums[place] + (bias ? bias.values[index[2]] : 0);
  });
}

/** A pool: `combine` makes a number of the cells of a window, NaN for those of the border. */
export function pooled(x, settings, combine) {
  const { sides, out } = geometryOf(settings, x.shape);
  const wide = padded(x, sides, NaN);
  return built([...out, x.shape[2]], ([i, j, map]) => {
    const cells = [];
    for (const [r, c] of indicesOf(settings.kernel_size)) {
      const row = i * settings.stride[0] + r * settings.dilation[0];
      const column = j * settings.stride[1] + c * settings.dilation[1];
      cells.push(at(wide, [row, column, map]));
    }
    return combine(cells);
  });
}
