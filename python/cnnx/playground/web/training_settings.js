// The settings of a training: a form with a line of words for each, and the checks of its numbers.

import { elementOf } from "./panel_elements.js";

const MOST_SEED = 2 ** 32 - 1;

/**
 * @typedef {{
 *   start: "model" | "new", epochs: number, batchSize: number, learningRate: number,
 *   shift: boolean, seed: number,
 * }} TrainingChoices
 * @typedef {{
 *   key: "epochs" | "batchSize" | "learningRate" | "seed", label: string, value: number,
 *   low: number, high: number, whole: boolean, words: string,
 * }} NumberSetting
 */

/** @type {NumberSetting[]} */
const NUMBER_SETTINGS = [
  {
    key: "epochs",
    label: "Passes over the images (epochs)",
    value: 20,
    low: 1,
    high: 10000,
    whole: true,
    words: "How often training sees each image.",
  },
  {
    key: "batchSize",
    label: "Images per step (batch size)",
    value: 8,
    low: 1,
    high: 1024,
    whole: true,
    words: "The weights change once for these images together.",
  },
  {
    key: "learningRate",
    label: "Learning rate",
    value: 0.001,
    low: 1e-7,
    high: 1,
    whole: false,
    words: "How far a step moves the weights. Too high, and the loss jumps up and down.",
  },
  {
    key: "seed",
    label: "Seed",
    value: 0,
    low: 0,
    high: MOST_SEED,
    whole: true,
    words: "The same seed and the same images give the same weights.",
  },
];

/**
 * Read a number that the reader wrote.
 * @param {NumberSetting} setting
 * @param {string} text
 * @returns {number}
 */
export function numberSetting({ label, low, high, whole }, text) {
  const value = text.trim() === "" ? NaN : Number(text.trim().replace(",", "."));
  if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    throw new Error(
      `${label} is “${text.trim()}”, expected a ${whole ? "whole " : ""}number ` +
        `from ${low} to ${high}.`,
    );
  }
  return value;
}

/** The form of the settings. */
export class TrainingSettingsForm {
  /** @param {() => void} onChange called after each change of a setting */
  constructor(onChange) {
    /** @type {Map<NumberSetting, HTMLInputElement>} */
    this.numbers = new Map();
    this.startNew = elementOf("input", { type: "radio", name: "training-start", value: "new" });
    this.startModel = elementOf("input", {
      type: "radio",
      name: "training-start",
      value: "model",
      checked: "",
    });
    this.shift = elementOf("input", { type: "checkbox", checked: "" });
    this.element = elementOf("div", { class: "training-settings" }, [
      elementOf("fieldset", {}, [
        elementOf("legend", {}, ["Start from"]),
        elementOf("label", {}, [this.startModel, " the model’s weights: few images are enough"]),
        elementOf("label", {}, [this.startNew, " new random weights: it forgets all it knew"]),
      ]),
      ...NUMBER_SETTINGS.map((setting) => this.numberField(setting)),
      elementOf("label", { class: "training-shift" }, [
        this.shift,
        " Shift the images at random, by up to 2 pixels: it learns that the place does not matter",
      ]),
    ]);
    this.element.addEventListener("change", onChange);
  }

  /**
   * @param {NumberSetting} setting
   * @returns {HTMLElement}
   */
  numberField(setting) {
    const words = `training-${setting.key}-words`;
    const input = elementOf("input", {
      id: `training-${setting.key}`,
      type: "text",
      inputmode: setting.whole ? "numeric" : "decimal",
      autocomplete: "off",
      size: "7",
      value: String(setting.value),
      "aria-describedby": words,
    });
    this.numbers.set(setting, input);
    return elementOf("div", { class: "training-number" }, [
      elementOf("label", { for: input.id }, [setting.label]),
      input,
      elementOf("small", { id: words }, [setting.words]),
    ]);
  }

  /**
   * The settings, or the error of the first that is wrong.
   * @returns {TrainingChoices | Error}
   */
  settings() {
    const values = { epochs: 0, batchSize: 0, learningRate: 0, seed: 0 };
    /** @type {Error | undefined} */
    let wrong;
    for (const [setting, input] of this.numbers) {
      try {
        values[setting.key] = numberSetting(setting, input.value);
        input.removeAttribute("aria-invalid");
      } catch (error) {
        input.setAttribute("aria-invalid", "true");
        wrong ??= /** @type {Error} */ (error);
      }
    }
    if (wrong !== undefined) return wrong;
    return { ...values, start: this.startNew.checked ? "new" : "model", shift: this.shift.checked };
  }

  /** Give the focus to the first wrong field. */
  focusWrong() {
    for (const input of this.numbers.values()) {
      if (input.getAttribute("aria-invalid") === "true") {
        input.focus();
        return;
      }
    }
  }

  /** @param {boolean} disabled whether the reader cannot change the settings */
  setDisabled(disabled) {
    for (const input of [...this.numbers.values(), this.startModel, this.startNew, this.shift]) {
      input.disabled = disabled;
    }
  }
}
