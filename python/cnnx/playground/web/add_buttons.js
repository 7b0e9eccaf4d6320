// The buttons beside the drawing pad that put its image into a class.

import { elementOf } from "./panel_elements.js";

/** @typedef {import("./class_samples.js").SampleClass} SampleClass */

/** A button for each class, and the choice whether the pad is cleared afterwards. */
export class AddButtons {
  /**
   * @param {(sampleClass: SampleClass) => void} add puts the image on the pad into a class
   * @param {() => void} clear clears the pad
   */
  constructor(add, clear) {
    this.add = add;
    this.clear = clear;
    this.buttons = elementOf("div", { class: "add-buttons" });
    this.clearing = elementOf("input", { type: "checkbox", checked: "" });
    this.counts = elementOf("p", { class: "faint" });
    this.element = elementOf("div", { role: "group", "aria-label": "Collect images to train on" }, [
      this.buttons,
      elementOf("label", { class: "check" }, [this.clearing, " and clear the pad"]),
      this.counts,
      elementOf("a", { href: "#training" }, ["Train on these images"]),
    ]);
  }

  /**
   * Show a button for each class. Those that are there already stay, so that the focus does.
   * @param {SampleClass[]} classes
   */
  show(classes) {
    classes.forEach((each, index) => {
      const existing = /** @type {HTMLButtonElement | undefined} */ (this.buttons.children[index]);
      const button = existing ?? this.buttons.appendChild(elementOf("button", { type: "button" }));
      button.textContent = `Add to ${each.name}`;
      button.onclick = () => {
        this.add(each);
        if (this.clearing.checked) this.clear();
      };
    });
    const counts = classes.map(({ name, images }) => `${name} ${images.length}`);
    this.counts.textContent = `Images so far: ${counts.join(", ")}`;
    while (this.buttons.children.length > classes.length) this.buttons.lastElementChild?.remove();
  }
}
