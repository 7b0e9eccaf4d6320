// Shows how a training goes: curves, a bar, a line of words and announcements to screen readers.

import { TrainingCurve } from "./loss_curve.js";
import { elementOf } from "./panel_elements.js";

const MILLISECONDS_BETWEEN_DRAWINGS = 100;
const MILLISECONDS_BETWEEN_ANNOUNCEMENTS = 4000;

/** @typedef {import("./training.js").Progress} Progress */

/**
 * A part of 1 as per cent.
 * @param {number} value
 * @returns {string}
 */
function perCent(value) {
  return `${Math.round(100 * value)} %`;
}

/**
 * A loss with few digits.
 * @param {number} value
 * @returns {string}
 */
function shortLoss(value) {
  return String(Number(value.toPrecision(3)));
}

/** The elements of a training's progress. */
export class TrainingProgressView {
  /** @param {(text: string) => void} announce */
  constructor(announce) {
    this.announce = announce;
    this.begun = 0;
    this.drawn = 0;
    this.announced = 0;
    this.status = elementOf("p", { class: "training-status" }, ["Not trained yet."]);
    this.bar = elementOf("progress", { max: "1", value: "0", "aria-label": "Steps of training" });
    this.loss = new TrainingCurve({
      title: "Loss",
      colour: "--series-1",
      format: shortLoss,
      highest: 0,
    });
    this.accuracy = new TrainingCurve({
      title: "Accuracy on these images",
      colour: "--series-2",
      format: perCent,
      highest: 1,
    });
    this.element = elementOf("div", {}, [
      this.bar,
      this.status,
      elementOf("div", { class: "row" }, [
        elementOf("figure", {}, [this.loss.element]),
        elementOf("figure", {}, [this.accuracy.element]),
      ]),
    ]);
  }

  /** Begin a training, whose number of steps comes with the first of them. */
  begin() {
    this.begun = performance.now();
    this.drawn = 0;
    this.announced = this.begun;
    this.beginCurves(1);
    this.say("Training begins.");
  }

  /** @param {number} steps */
  beginCurves(steps) {
    this.loss.begin(steps);
    this.accuracy.begin(steps);
    this.bar.max = steps;
    this.bar.value = 0;
  }

  /**
   * Take the figures of a step, and draw them unless the last drawing was a moment ago.
   * @param {Progress} progress
   * @returns {boolean} whether they were drawn
   */
  show({ step, steps, epoch, loss, accuracy }) {
    if (this.loss.steps !== steps) this.beginCurves(steps);
    this.loss.add(step, loss);
    this.accuracy.add(step, accuracy);
    const now = performance.now();
    if (now - this.drawn < MILLISECONDS_BETWEEN_DRAWINGS) return false;
    this.drawn = now;
    this.loss.draw();
    this.accuracy.draw();
    this.bar.value = step;
    const rate = Math.round((1000 * step) / Math.max(1, now - this.begun));
    this.status.textContent =
      `Step ${step} of ${steps}, pass ${epoch}: loss ${shortLoss(loss)}, ` +
      `accuracy ${perCent(accuracy)}, ${rate} steps a second.`;
    if (now - this.announced >= MILLISECONDS_BETWEEN_ANNOUNCEMENTS) {
      this.announced = now;
      this.describe();
      this.announce(this.status.textContent);
    }
    return true;
  }

  /** @param {{steps: number, loss: number, accuracy: number, stopped: boolean}} done */
  finish({ steps, loss, accuracy, stopped }) {
    this.loss.draw();
    this.accuracy.draw();
    this.describe();
    this.bar.value = stopped ? steps : this.bar.max;
    const seconds = ((performance.now() - this.begun) / 1000).toFixed(1);
    this.say(
      `${stopped ? "Stopped" : "Trained"} after ${steps} steps in ${seconds} seconds: ` +
        `loss ${shortLoss(loss)}, accuracy ${perCent(accuracy)}.`,
    );
  }

  /** @param {string} words */
  reset(words) {
    this.beginCurves(1);
    this.say(words);
  }

  /** @param {string} words shown and announced */
  say(words) {
    this.status.textContent = words;
    this.announce(words);
  }

  describe() {
    this.loss.describe();
    this.accuracy.describe();
  }
}
