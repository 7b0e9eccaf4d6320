// Gives the reader files: the trained model, and the collected images as an archive.

import { pngOfPixels } from "./png.js";
import { zipArchive } from "./zip.js";

const DOWNLOAD_LIFETIME = 60000; // milliseconds that the browser has for reading the bytes

/**
 * A text as the name of a file without ending, on every system.
 * @param {string} text
 * @returns {string}
 */
export function fileNameOf(text) {
  return text.replace(/[\\/:*?"<>|\p{Cc}]/gu, "_").replace(/^[. ]+|[. ]+$/g, "") || "model";
}

/**
 * Give the reader a file.
 * @param {string} name
 * @param {Uint8Array} bytes
 * @param {string} type media type
 */
export function downloadFile(name, bytes, type) {
  const blob = new Blob([/** @type {BlobPart} */ (bytes)], { type });
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), DOWNLOAD_LIFETIME);
}

/**
 * A ZIP archive of PNG files.
 * @param {Array<{name: string, pixels: Uint8Array}>} files
 * @param {number[]} shape height, width and channels of each image
 * @returns {Promise<Uint8Array>}
 */
export async function imageArchive(files, shape) {
  const images = [];
  for (const { name, pixels } of files) {
    images.push({ name, bytes: await pngOfPixels(pixels, shape) });
  }
  return zipArchive(images);
}
