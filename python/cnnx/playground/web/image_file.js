// Image files that the user chooses, drops or pastes.

/** @typedef {import("./brush.js").Raster} Raster */

const MOST_PIXELS = 40_000_000;

/**
 * The pixels of an image file, four channels each.
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<Raster>}
 */
async function readImageFile(file, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} is no image that this browser reads. Choose a PNG or JPEG file.`);
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    throw new Error(`${name} has ${width} by ${height} pixels. Choose a smaller image.`);
  }
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { pixels: new Uint8Array(data.buffer), height, width, channels: 4 };
}

/**
 * The pixels of an image file at the model's size.
 * @param {Blob} file
 * @param {import("./engine.js").Engine} engine
 * @param {string} [name] for the message of an error
 * @returns {Promise<Uint8Array>}
 */
export async function pixelsOfFile(file, engine, name = "The file") {
  return engine.resize(await readImageFile(file, name));
}

/**
 * Call a function with each image file that is chosen, dropped on an element or pasted.
 * @param {HTMLInputElement} input
 * @param {HTMLElement} target
 * @param {(file: Blob, name: string) => void} onFile
 */
export function listenForImageFiles(input, target, onFile) {
  const take = (/** @type {FileList | null | undefined} */ files) => {
    const file = files?.[0];
    if (file) onFile(file, file.name);
  };
  input.addEventListener("change", () => {
    take(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  const mark = (/** @type {DragEvent} */ event, /** @type {boolean} */ isOver) => {
    event.preventDefault();
    target.classList.toggle("is-target", isOver);
  };
  target.addEventListener("dragover", (event) => mark(event, true));
  target.addEventListener("dragleave", (event) => mark(event, false));
  target.addEventListener("drop", (event) => {
    mark(event, false);
    take(event.dataTransfer?.files);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files));
}
