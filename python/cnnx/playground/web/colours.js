// Colours of numbers: orange above zero, blue below, and the colour of the page at zero.

import { largestOf } from "./numbers.js";

/** @typedef {[number, number, number]} Rgb */

/** @type {Rgb} */
const POSITIVE = [230, 159, 0];
/** @type {Rgb} */
const NEGATIVE = [116, 179, 222];
/** @type {Rgb} */
const LIGHT_ZERO = [255, 255, 255];
/** @type {Rgb} */
const DARK_ZERO = [31, 36, 44];
const GAMMA = 0.6; // power of the colours of maps, so that weak numbers are visible
const STEPS = 1024; // colours from zero to the strongest number

// Dark violet over red and orange to pale yellow, in equal steps of lightness.
/** @type {Rgb[]} */
const HEAT = [
  [27, 12, 65],
  [74, 12, 107],
  [120, 28, 109],
  [165, 44, 96],
  [207, 68, 70],
  [237, 105, 37],
  [251, 155, 6],
  [247, 209, 61],
];
const MOST_OPAQUE = 0.75; // of an overlay, so that the image stays visible

const schemeQuery = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

/** @type {Map<boolean, Uint32Array>} */
const palettes = new Map();
/** @type {Map<boolean, string>} */
const gradients = new Map();

/**
 * Call a function whenever the page becomes light or dark.
 * @param {() => void} redraw
 */
export function onSchemeChange(redraw) {
  schemeQuery?.addEventListener("change", redraw);
}

/**
 * The colour of a number from -1 to 1.
 * @param {number} scaled
 * @param {boolean} isDark
 * @returns {Rgb}
 */
export function tint(scaled, isDark) {
  const strength = Math.min(Math.abs(scaled) || 0, 1);
  const zero = isDark ? DARK_ZERO : LIGHT_ZERO;
  const end = scaled < 0 ? NEGATIVE : POSITIVE;
  const [red, green, blue] = zero.map((from, k) => Math.round(from + (end[k] - from) * strength));
  return [red, green, blue];
}

/**
 * Style of a cell with a number: its colour, and ink that is readable on it.
 * @param {number} value
 * @param {number} strongest the absolute value with the strongest colour
 * @returns {string}
 */
export function cellStyle(value, strongest) {
  const colour = tint(value / strongest, isPageDark());
  const darkInk = isPageDark() ? "#000000" : "#1f2430";
  const ink = luminanceOf(colour) > 0.179 ? darkInk : "#ffffff";
  return `background-color:rgb(${colour});color:${ink}`;
}

/**
 * A gradient of the colours from the most negative to the most positive number.
 * @returns {string}
 */
export function legendGradient() {
  const known = gradients.get(isPageDark());
  if (known) return known;
  const stops = [];
  for (let k = -10; k <= 10; k++) {
    const colour = tint(Math.sign(k) * (Math.abs(k) / 10) ** GAMMA, isPageDark());
    stops.push(`rgb(${colour})`);
  }
  const gradient = `linear-gradient(to right, ${stops.join(", ")})`;
  gradients.set(isPageDark(), gradient);
  return gradient;
}

/**
 * Colour an image with a map, whose numbers lie `step` apart from `offset` on.
 * @param {ImageData} image
 * @param {Float32Array} values
 * @param {number} offset
 * @param {number} step
 * @param {number} strongest
 */
export function paintMap(image, values, offset, step, strongest) {
  const pixels = new Uint32Array(image.data.buffer);
  const palette = paletteOf(isPageDark());
  const factor = STEPS / strongest;
  const count = image.width * image.height;
  for (let k = 0, at = offset; k < count; k++, at += step) {
    if (at >= values.length) {
      pixels[k] = 0; // a cell behind the end of a list
      continue;
    }
    const place = Math.round(values[at] * factor) + STEPS;
    pixels[k] = palette[place < 0 ? 0 : place > 2 * STEPS ? 2 * STEPS : place || STEPS];
  }
}

/**
 * Colour an image with pixels of 1, 2, 3 or more channels.
 * @param {ImageData} image
 * @param {Uint8Array} pixels
 * @param {number} channels
 */
export function paintPixels(image, pixels, channels) {
  const data = image.data;
  for (let k = 0; k < image.width * image.height; k++) {
    const at = k * channels;
    const grey = channels === 2 ? (pixels[at] + pixels[at + 1]) / 2 : pixels[at];
    data[4 * k] = grey;
    data[4 * k + 1] = channels > 2 ? pixels[at + 1] : grey;
    data[4 * k + 2] = channels > 2 ? pixels[at + 2] : grey;
    data[4 * k + 3] = 255;
  }
}

/**
 * Colour an image with pixels in grey under the heat of a map from 0 to 1.
 * @param {ImageData} image
 * @param {Uint8Array} pixels
 * @param {number} channels
 * @param {Float32Array} values
 */
export function paintOverlay(image, pixels, channels, values) {
  const data = image.data;
  const strongest = largestOf(values);
  const used = Math.min(channels, 3);
  for (let k = 0; k < image.width * image.height; k++) {
    let grey = 0;
    for (let channel = 0; channel < used; channel++) grey += pixels[k * channels + channel] / used;
    const scaled = Math.max(values[k] / strongest, 0);
    const opacity = MOST_OPAQUE * Math.sqrt(scaled);
    const colour = heatOf(scaled);
    for (let each = 0; each < 3; each++) {
      data[4 * k + each] = Math.round(grey * (1 - opacity) + colour[each] * opacity);
    }
    data[4 * k + 3] = 255;
  }
}

/**
 * Relative luminance, from which the contrast of texts is computed.
 * @param {Rgb} colour
 * @returns {number}
 */
function luminanceOf(colour) {
  const [red, green, blue] = colour.map((part) => {
    const scaled = part / 255;
    return scaled <= 0.04045 ? scaled / 12.92 : ((scaled + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @returns {boolean} */
function isPageDark() {
  return schemeQuery?.matches ?? false;
}

/**
 * @param {number} value
 * @returns {number[]}
 */
function heatOf(value) {
  const place = Math.min(Math.max(value, 0), 1) * (HEAT.length - 1);
  const lower = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[lower].map((from, k) => from + (HEAT[lower + 1][k] - from) * (place - lower));
}

/**
 * @param {boolean} isDark
 * @returns {Uint32Array}
 */
function paletteOf(isDark) {
  const known = palettes.get(isDark);
  if (known) return known;
  const palette = new Uint32Array(2 * STEPS + 1);
  const bytes = new Uint8Array(palette.buffer);
  for (let k = -STEPS; k <= STEPS; k++) {
    const colour = tint(Math.sign(k) * (Math.abs(k) / STEPS) ** GAMMA, isDark);
    bytes.set([...colour, 255], 4 * (k + STEPS));
  }
  palettes.set(isDark, palette);
  return palette;
}
