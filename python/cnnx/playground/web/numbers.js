// Numbers as text: as many digits as a reader can compare, and sums with signs.

const MOST_DECIMALS = 6;

const countFormat = new Intl.NumberFormat("en");

/**
 * The largest absolute value, or 1 if all are zero.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function largestOf(values) {
  let largest = 0;
  for (let k = 0; k < values.length; k++) {
    const size = Math.abs(values[k]);
    if (size > largest) largest = size;
  }
  return largest || 1;
}

/**
 * Digits behind the point that show three digits of the largest absolute value.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function decimalsOf(values) {
  const magnitude = Math.floor(Math.log10(largestOf(values)));
  return Number.isFinite(magnitude) ? Math.min(Math.max(2 - magnitude, 0), MOST_DECIMALS) : 0;
}

/**
 * A number with so many digits behind the point, without the minus of a negative zero.
 * @param {number} value
 * @param {number} decimals
 * @returns {string}
 */
export function fixed(value, decimals) {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/**
 * A number with four digits.
 * @param {number} value
 * @returns {string}
 */
export function significant(value) {
  return fixed(value, decimalsOf([value]) + 1);
}

/**
 * Terms as a sum, with a minus before those that begin with one.
 * @param {string[]} terms
 * @returns {string}
 */
export function addedText(terms) {
  const rest = terms
    .slice(1)
    .map((each) => (each.startsWith("-") ? ` - ${each.slice(1)}` : ` + ${each}`));
  return terms[0] + rest.join("");
}

/**
 * A count with separators between thousands.
 * @param {number} count
 * @returns {string}
 */
export function counted(count) {
  return countFormat.format(count);
}

/**
 * A size in words, such as 3 × 3, which no line break divides.
 * @param {number} height
 * @param {number} width
 * @returns {string}
 */
export function sizeText(height, width) {
  return `${height}\u00a0\u00d7\u00a0${width}`;
}

/**
 * A shape in words.
 * @param {number[]} shape
 * @returns {string}
 */
export function shapeText(shape) {
  const last = shape[shape.length - 1];
  const noun = `${shape.length === 1 ? "number" : "map"}${last === 1 ? "" : "s"}`;
  return shape.length === 1
    ? `${counted(last)} ${noun}`
    : `${counted(last)} ${noun} of ${sizeText(shape[0], shape[1])}`;
}

/**
 * A probability as percent. Only certainty reads 100 % or 0 %.
 * @param {number} probability
 * @param {[string, string]} [signs] for less and more than a number
 * @returns {string}
 */
export function percent(probability, [less, more] = ["< ", "> "]) {
  if (probability > 0 && probability < 0.0005) return `${less}0.1 %`;
  if (probability < 1 && probability > 0.9995) return `${more}99.9 %`;
  return `${(100 * probability).toFixed(1)} %`;
}
