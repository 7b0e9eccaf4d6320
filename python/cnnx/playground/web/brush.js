// A soft round brush on an image of few pixels, with the same result on every machine.

/**
 * An image whose pixels are rows of channels, each from 0 to 255.
 * @typedef {{pixels: Uint8Array, height: number, width: number, channels: number}} Raster
 * @typedef {{x: number, y: number}} Point in pixels from the upper left corner of the image
 * @typedef {{radius: number, colour: number[]}} Brush a colour has one number per channel
 */

/**
 * Draw a line of the brush. A pixel of one channel becomes the larger of its value and the
 * brush's, so that strokes over each other change nothing; black erases. Pixels of more channels
 * are mixed with the colour.
 * @param {Raster} raster
 * @param {Point} from
 * @param {Point} to
 * @param {Brush} brush
 */
export function drawLine(raster, from, to, brush) {
  const reach = brush.radius + 0.5;
  const top = Math.max(Math.floor(Math.min(from.y, to.y) - reach), 0);
  const bottom = Math.min(Math.ceil(Math.max(from.y, to.y) + reach), raster.height);
  const left = Math.max(Math.floor(Math.min(from.x, to.x) - reach), 0);
  const right = Math.min(Math.ceil(Math.max(from.x, to.x) + reach), raster.width);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const distance = distanceToLine({ x: column + 0.5, y: row + 0.5 }, from, to);
      const cover = Math.min(Math.max(reach - distance, 0), 1);
      if (cover > 0) coverPixel(raster, row * raster.width + column, cover, brush.colour);
    }
  }
}

/**
 * Draw an X over the whole image.
 * @param {Raster} raster
 * @param {Brush} brush
 */
export function drawCross(raster, brush) {
  const at = (/** @type {number} */ x, /** @type {number} */ y) => ({
    x: x * raster.width,
    y: y * raster.height,
  });
  drawLine(raster, at(0.25, 0.22), at(0.75, 0.78), brush);
  drawLine(raster, at(0.75, 0.22), at(0.25, 0.78), brush);
}

/**
 * @param {Raster} raster
 * @param {number} place
 * @param {number} cover
 * @param {number[]} colour
 */
function coverPixel(raster, place, cover, colour) {
  const { pixels, channels } = raster;
  for (let channel = 0; channel < channels; channel++) {
    const at = place * channels + channel;
    const value = colour[channel];
    const mixed = Math.round(pixels[at] + (value - pixels[at]) * cover);
    const isChalk = channels === 1 && value > 0;
    pixels[at] = isChalk ? Math.max(pixels[at], Math.round(value * cover)) : mixed;
  }
}

/**
 * @param {Point} point
 * @param {Point} from
 * @param {Point} to
 * @returns {number}
 */
function distanceToLine(point, from, to) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  const square = across * across + down * down;
  const along = (point.x - from.x) * across + (point.y - from.y) * down;
  const part = square > 0 ? Math.min(Math.max(along / square, 0), 1) : 0;
  const [x, y] = [point.x - from.x - part * across, point.y - from.y - part * down];
  return Math.sqrt(x * x + y * y);
}
