// Writer of PNG files with exactly the given pixels. The canvas of a browser that protects from
// tracking may change them.

import { crc32, joinedBytes } from "./zip.js";

const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const PNG_COLOUR_TYPES = new Map([
  [1, 0], // grey
  [3, 2], // RGB
]);

/**
 * A chunk of a PNG file.
 * @param {string} kind four letters
 * @param {Uint8Array} content
 * @returns {Uint8Array}
 */
function pngChunk(kind, content) {
  const chunk = new Uint8Array(12 + content.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set(new TextEncoder().encode(kind), 4);
  chunk.set(content, 8);
  view.setUint32(8 + content.length, crc32(chunk.subarray(4, 8 + content.length)));
  return chunk;
}

/**
 * Bytes in zlib's format.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Uint8Array>}
 */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Bytes of a PNG file with an image.
 * @param {Uint8Array} pixels height * width * channels values, row by row, channels last
 * @param {number[]} shape height, width and channels; 1 channel is grey, 3 are RGB
 * @returns {Promise<Uint8Array>}
 */
export async function pngOfPixels(pixels, [height, width, channels]) {
  const colourType = PNG_COLOUR_TYPES.get(channels);
  if (colourType === undefined) {
    throw new Error(`pngOfPixels: the image has ${channels} channels, expected 1 or 3`);
  }
  const rowLength = width * channels;
  const rows = new Uint8Array(height * (1 + rowLength)); // each row begins with 0: unfiltered
  for (let row = 0; row < height; row += 1) {
    rows.set(pixels.subarray(row * rowLength, (row + 1) * rowLength), row * (1 + rowLength) + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colourType, 0, 0, 0], 8); // bits per value, then the only methods there are
  return joinedBytes([
    PNG_SIGNATURE,
    pngChunk("IHDR", header),
    pngChunk("IDAT", await deflated(rows)),
    pngChunk("IEND", new Uint8Array()),
  ]);
}
