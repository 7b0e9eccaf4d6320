// The pad on which the user draws the network's input, by mouse, pen, finger or keyboard.

import { drawCross, drawLine } from "./brush.js";
import { paintPixels } from "./colours.js";

/**
 * @typedef {import("./brush.js").Point} Point
 * @typedef {import("./brush.js").Raster} Raster
 */

/** @type {Record<string, Point>} */
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export class DrawingPad {
  /** @type {Point | null} */
  #last = null;
  #isPainting = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} cursor marks the place of the keyboard's pen
   * @param {number[]} shape height, width and channels of the network's input
   * @param {() => void} onChange called after each change of a pixel
   */
  constructor(canvas, cursor, shape, onChange) {
    const [height, width, channels] = shape;
    this.canvas = canvas;
    this.cursor = cursor;
    this.onChange = onChange;
    canvas.height = height;
    canvas.width = width;
    canvas.style.aspectRatio = `${width} / ${height}`;
    this.context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { willReadFrequently: true })
    );
    this.image = this.context.createImageData(width, height);
    /** @type {Raster} */
    this.raster = { pixels: new Uint8Array(height * width * channels), height, width, channels };
    this.radius = defaultRadius(shape);
    /** @type {number[]} */
    this.colour = new Array(channels).fill(255);
    this.pen = { x: width / 2, y: height / 2 };
    canvas.setAttribute("aria-label", labelOf(height, width));
    this.#listen();
    this.#paint();
  }

  /** @returns {Uint8Array} a copy of the image, row by row, channels last */
  pixels() {
    return this.raster.pixels.slice();
  }

  /**
   * Replace the image.
   * @param {Uint8Array} pixels
   */
  setPixels(pixels) {
    const expected = this.raster.pixels.length;
    if (pixels.length !== expected) {
      throw new Error(`setPixels: pixels has ${pixels.length} numbers, expected ${expected}`);
    }
    this.raster.pixels.set(pixels);
    this.#changed();
  }

  /** Make all pixels black. */
  clear() {
    this.raster.pixels.fill(0);
    this.#changed();
  }

  /** Swap dark and bright. */
  invert() {
    this.raster.pixels.forEach((value, k, pixels) => (pixels[k] = 255 - value));
    this.#changed();
  }

  /** Draw an X on an empty pad. */
  drawCross() {
    this.raster.pixels.fill(0);
    drawCross(this.raster, this.#brush());
    this.#changed();
  }

  #brush() {
    return { radius: this.radius, colour: this.colour };
  }

  #listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      event.preventDefault();
      this.#last = this.#pointOf(event);
      this.#line(this.#last, this.#last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#last) return;
      // The browser joins moves between two frames; the parts make a smoother line.
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) {
        const point = this.#pointOf(part);
        drawLine(this.raster, this.#last, point, this.#brush());
        this.#last = point;
      }
      this.#changed();
    });
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      canvas.addEventListener(name, () => (this.#last = null));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", (event) => {
      if (event.key === " ") this.#isPainting = false;
    });
    canvas.addEventListener("blur", () => {
      this.#isPainting = false;
      this.cursor.hidden = true;
    });
    canvas.addEventListener("focus", () => this.#showCursor());
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const before = this.pen;
      const { width, height } = this.raster;
      this.pen = {
        x: Math.min(Math.max(before.x + arrow.x, 0.5), width - 0.5),
        y: Math.min(Math.max(before.y + arrow.y, 0.5), height - 0.5),
      };
      if (this.#isPainting || event.shiftKey) this.#line(before, this.pen);
    } else if (event.key === " ") {
      this.#isPainting = true;
      this.#line(this.pen, this.pen);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.#showCursor();
  }

  #showCursor() {
    const isKeyboard = this.canvas.matches(":focus-visible");
    this.cursor.hidden = !isKeyboard;
    this.cursor.style.left = `${(100 * this.pen.x) / this.raster.width}%`;
    this.cursor.style.top = `${(100 * this.pen.y) / this.raster.height}%`;
  }

  /**
   * @param {Point} from
   * @param {Point} to
   */
  #line(from, to) {
    drawLine(this.raster, from, to, this.#brush());
    this.#changed();
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  #pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.raster.width,
      y: ((event.clientY - box.top) / box.height) * this.raster.height,
    };
  }

  #changed() {
    this.#paint();
    this.onChange();
  }

  #paint() {
    paintPixels(this.image, this.raster.pixels, this.raster.channels);
    this.context.putImageData(this.image, 0, 0);
  }
}

/**
 * A radius that suits the size of the image: 1.3 pixels of 28.
 * @param {number[]} shape
 * @returns {number}
 */
export function defaultRadius(shape) {
  return Math.max(Math.round(Math.min(shape[0], shape[1]) * 0.46) / 10, 0.5);
}

/**
 * @param {number} height
 * @param {number} width
 * @returns {string}
 */
function labelOf(height, width) {
  return (
    `Drawing pad of ${height} by ${width} pixels. Arrow keys move the pen, the space bar paints, ` +
    "Shift and arrow keys draw a line, Delete clears the pad."
  );
}
