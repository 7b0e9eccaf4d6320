// What Python embedded in the page: the module, the model and sample images.

/** @typedef {{name: string, pixels: Uint8Array}} Sample */

/**
 * The bytes of a gzipped, base64-encoded script element.
 * @param {string} id
 * @returns {Promise<Uint8Array>}
 */
export async function embeddedBytes(id) {
  const packed = bytesOfBase64(document.getElementById(id)?.textContent?.trim() ?? "");
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The sample images of the page.
 * @returns {Sample[]}
 */
export function embeddedSamples() {
  const text = document.getElementById("samples")?.textContent?.trim() || "[]";
  /** @type {{name: string, pixels: string}[]} */
  const samples = JSON.parse(text);
  return samples.map(({ name, pixels }) => ({ name, pixels: bytesOfBase64(pixels) }));
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
function bytesOfBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let k = 0; k < characters.length; k++) bytes[k] = characters.charCodeAt(k);
  return bytes;
}
