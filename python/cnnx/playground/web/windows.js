// Windows of convolutions and pools: which cells of a map a cell was computed from.

/**
 * Numbers of a layer: (height, width, channels), or (features).
 * @typedef {{values: Float32Array, shape: number[]}} Numbers
 *
 * The cells of a map under a window. `values` are (rows, columns, maps), 0 in the padding.
 * @typedef {{rows: number[], columns: number[], inside: boolean[], values: Float32Array,
 *   maps: number}} Window
 *
 * Kernel, stride, dilation and padding (top, left, bottom, right) of a layer.
 * @typedef {{kernel: number[], stride: number[], dilation: number[], padding: number[]}} Placement
 */

/**
 * Where the windows of a convolution or a pool lie.
 * @param {Record<string, any>} settings
 * @param {number[]} inShape
 * @param {number[]} outShape
 * @returns {Placement}
 */
export function placementOf(settings, inShape, outShape) {
  const kernel = settings.kernel_size;
  const stride = settings.stride;
  const dilation = settings.dilation ?? [1, 1];
  const total = [0, 1].map((axis) => {
    const extent = (kernel[axis] - 1) * dilation[axis] + 1;
    return Math.max((outShape[axis] - 1) * stride[axis] + extent - inShape[axis], 0);
  });
  return { kernel, stride, dilation, padding: sidesOf(settings.padding, total) };
}

/**
 * The window of a cell in some successive maps of an input.
 * @param {Placement} placement
 * @param {number[]} index row and column of the cell, and more
 * @param {Numbers} x
 * @param {number} first
 * @param {number} maps
 * @returns {Window}
 */
export function windowOf(placement, index, x, first, maps) {
  const [rows, columns] = [0, 1].map((axis) => {
    const start = index[axis] * placement.stride[axis] - placement.padding[axis];
    return Array.from(
      { length: placement.kernel[axis] },
      (_, k) => start + k * placement.dilation[axis],
    );
  });
  return cellsAt(rows, columns, x, first, maps);
}

/**
 * The cells at some rows and columns, which may lie outside.
 * @param {number[]} rows
 * @param {number[]} columns
 * @param {Numbers} x
 * @param {number} first
 * @param {number} maps
 * @returns {Window}
 */
export function cellsAt(rows, columns, x, first, maps) {
  const [height, width, channels] = x.shape;
  const values = new Float32Array(rows.length * columns.length * maps);
  const inside = [];
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const lies = row >= 0 && row < height && column >= 0 && column < width;
      inside.push(lies);
      const source = (row * width + column) * channels + first;
      if (lies) values.set(x.values.subarray(source, source + maps), at);
      at += maps;
    }
  }
  return { rows, columns, inside, values, maps };
}

/**
 * How many cells the mean of an average pool counts for a window.
 * @param {Window} window
 * @param {Record<string, any>} settings
 * @param {Placement} placement
 * @param {number[]} inShape
 * @returns {number}
 */
export function divisorOf(window, settings, placement, inShape) {
  const counts = (/** @type {boolean[]} */ flags) => flags.filter(Boolean).length;
  if (!settings.count_include_pad || settings.padding === "same") return counts(window.inside);
  const [top, left, bottom, right] = placement.padding;
  const rows = window.rows.map((row) => row >= -top && row < inShape[0] + bottom);
  const columns = window.columns.map((column) => column >= -left && column < inShape[1] + right);
  return counts(rows) * counts(columns);
}

/**
 * @param {string | number[]} padding "valid", "same" or (top, bottom, left, right)
 * @param {number[]} total padding of "same" in height and width, the smaller half first
 * @returns {number[]}
 */
function sidesOf(padding, total) {
  if (Array.isArray(padding)) return [padding[0], padding[2], padding[1], padding[3]];
  const both = padding === "same" ? total : [0, 0];
  return [...both.map((each) => Math.floor(each / 2)), ...both.map((each) => Math.ceil(each / 2))];
}
