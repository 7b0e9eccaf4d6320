// Well-known filters to try, at the centre of a filter of any odd size from 3 × 3.

/** @type {Record<string, number[]>} */
const PRESETS = {
  Identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
  Negative: [0, 0, 0, 0, -1, 0, 0, 0, 0],
  Blur: [1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
  Edges: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  "Vertical edges": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "Horizontal edges": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
};

/**
 * Names of the presets that fit a filter.
 * @param {number} height
 * @param {number} width
 * @returns {string[]}
 */
export function presetNames(height, width) {
  const fits = height >= 3 && width >= 3 && height % 2 === 1 && width % 2 === 1;
  return fits ? Object.keys(PRESETS) : [];
}

/**
 * The weights of a preset, row by row, zeros around its centre.
 * @param {string} name
 * @param {number} height
 * @param {number} width
 * @returns {number[]}
 */
export function presetWeights(name, height, width) {
  const weights = new Array(height * width).fill(0);
  const [top, left] = [(height - 3) / 2, (width - 3) / 2];
  PRESETS[name].forEach((weight, k) => {
    weights[(top + Math.floor(k / 3)) * width + left + (k % 3)] = weight;
  });
  return weights;
}
