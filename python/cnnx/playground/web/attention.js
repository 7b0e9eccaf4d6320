// Where the network looked: Grad-CAM for a class, over the image.

import { paintOverlay, paintPixels } from "./colours.js";
import { byId } from "./dom.js";

/** @typedef {import("./network_state.js").NetworkState} NetworkState */

export class Attention {
  #isRunning = false;
  #isPending = false;
  #isOnScreen = false;

  /** @param {NetworkState} state */
  constructor(state) {
    this.state = state;
    this.section = byId("attention");
    this.image = /** @type {HTMLCanvasElement} */ (byId("attention-image"));
    this.overlay = /** @type {HTMLCanvasElement} */ (byId("attention-overlay"));
    this.caption = byId("attention-caption");
    new IntersectionObserver(([entry]) => {
      this.#isOnScreen = entry.isIntersecting;
      this.show();
    }).observe(this.section);
  }

  /** Compute and draw the map for the last run, if the section is on the screen. */
  async show() {
    if (!this.#isOnScreen || !this.state.hasRun) return;
    this.#isPending = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isPending) {
        this.#isPending = false;
        await this.#draw();
      }
    } catch (error) {
      this.caption.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      this.#isRunning = false;
    }
  }

  async #draw() {
    const { engine, pixels, explainedClass, labels, info } = this.state;
    const [height, width, channels] = info.inputShape;
    const { layer, values } = await engine.gradCam(pixels, explainedClass);
    const label = labels[explainedClass];
    for (const canvas of [this.image, this.overlay]) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.aspectRatio = `${width} / ${height}`;
      const image = new ImageData(width, height);
      if (canvas === this.image) paintPixels(image, pixels, channels);
      else paintOverlay(image, pixels, channels, values);
      canvas.getContext("2d")?.putImageData(image, 0, 0);
    }
    this.overlay.setAttribute("aria-label", `Grad-CAM for ${label} over the image`);
    this.caption.textContent = `Grad-CAM for ${label}, from the maps of ${layer}`;
  }
}
