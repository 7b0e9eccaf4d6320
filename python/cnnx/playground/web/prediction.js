// The prediction: a sentence, the probabilities of the classes, and the class to explain.

import { announce } from "./announcements.js";
import { element, render } from "./dom.js";
import { bar } from "./number_grid.js";
import { counted, percent } from "./numbers.js";

/** @typedef {import("./network_state.js").NetworkState} NetworkState */

const MOST_CLASSES = 10;
/** @type {[string, string]} */
const WORDS = ["under ", "over "];

export class Prediction {
  #spoken = "";

  /**
   * @param {HTMLElement} root
   * @param {NetworkState} state
   * @param {() => void} onChoice called after the user chose a class to explain
   */
  constructor(root, state, onChoice) {
    this.root = root;
    this.state = state;
    this.onChoice = onChoice;
  }

  /** Show the result of the last run. */
  show() {
    const { labels, probabilities, predictedClass } = this.state;
    if (predictedClass < 0) {
      render(
        this.root,
        element(
          "p",
          { class: "sentence" },
          "The outputs are no finite numbers. Reset the filters.",
        ),
      );
      return;
    }
    const order = labels.map((_, k) => k);
    if (order.length > MOST_CLASSES) {
      order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
    }
    const shown = order.slice(0, MOST_CLASSES);
    const best = labels[predictedClass];
    render(
      this.root,
      element(
        "p",
        { class: "sentence" },
        "The network says ",
        element("strong", null, best),
        ", ",
        percent(probabilities[predictedClass], WORDS),
        ".",
      ),
      element(
        "table",
        { class: "probabilities" },
        element("caption", { class: "hidden-text" }, "Probabilities of the classes"),
        element(
          "tbody",
          null,
          shown.map((k) =>
            element(
              "tr",
              { class: k === predictedClass ? "best" : null },
              element("th", { scope: "row" }, labels[k]),
              element("td", { class: "bars" }, bar(probabilities[k])),
              element("td", { class: "number" }, percent(probabilities[k])),
            ),
          ),
        ),
      ),
      order.length > shown.length &&
        element(
          "p",
          { class: "faint" },
          `and ${counted(order.length - shown.length)} other classes`,
        ),
      this.#choice(),
    );
    this.#speak(best, probabilities[predictedClass]);
  }

  #choice() {
    const { labels, chosenClass, predictedClass } = this.state;
    const options = labels.map((label, k) => element("option", { value: String(k) }, label));
    return element(
      "label",
      { class: "choice" },
      "Explain ",
      element(
        "select",
        {
          value: chosenClass === null ? "" : String(chosenClass),
          onchange: (/** @type {any} */ event) => {
            const value = event.target.value;
            this.state.chosenClass = value === "" ? null : Number(value);
            this.onChoice();
          },
        },
        element("option", { value: "" }, `the predicted class (${labels[predictedClass]})`),
        options,
      ),
    );
  }

  /**
   * @param {string} label
   * @param {number} probability
   */
  #speak(label, probability) {
    const text = `The network says ${label}, ${percent(probability, WORDS)}`;
    if (text === this.#spoken) return;
    this.#spoken = text;
    announce("prediction", text);
  }
}
