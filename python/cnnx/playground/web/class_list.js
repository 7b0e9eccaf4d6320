// The list of classes in the training panel, with their names, images and buttons.

import { ClassSamples } from "./class_samples.js";
import { paintPixels } from "./colours.js";
import { droppedFiles } from "./dropped_files.js";
import { pixelsOfFile } from "./image_file.js";
import { buttonOf, elementOf } from "./panel_elements.js";

/**
 * @typedef {import("./class_samples.js").SampleClass} SampleClass
 * @typedef {{
 *   shape: number[], engine: import("./engine.js").Engine, onChange: () => void,
 *   tell: (text: string) => void, refuse: (error: unknown) => void,
 * }} ClassListOptions `tell` says what happened, `refuse` shows an error
 */

/**
 * A canvas with a small image.
 * @param {Uint8Array} pixels
 * @param {number[]} shape height, width and channels
 * @returns {HTMLCanvasElement}
 */
function thumbnailOf(pixels, [height, width, channels]) {
  const canvas = elementOf("canvas", { width: String(width), height: String(height) });
  const image = new ImageData(width, height);
  paintPixels(image, pixels, channels);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/**
 * A number of images in words.
 * @param {number} count
 * @returns {string}
 */
function imagesInWords(count) {
  return count === 1 ? "1 image" : `${count} images`;
}

/** One class of the list. */
class ClassRow {
  /**
   * @param {ClassList} list
   * @param {SampleClass} sampleClass
   */
  constructor(list, sampleClass) {
    this.list = list;
    this.sampleClass = sampleClass;
    this.name = elementOf("input", { type: "text", autocomplete: "off", maxlength: "60" });
    this.name.value = sampleClass.name;
    this.name.addEventListener("change", () => this.rename());
    this.removeButton = buttonOf("Remove class", () => list.removeClass(this));
    this.files = elementOf("input", { type: "file", accept: "image/*", multiple: "" });
    this.files.addEventListener("change", () => this.addFiles([...(this.files.files ?? [])]));
    this.count = elementOf("span", { class: "faint" });
    this.images = elementOf("ul", { class: "class-images" });
    this.element = elementOf("li", { class: "sample-class" }, [
      elementOf("div", { class: "controls" }, [
        elementOf("label", {}, ["Class ", this.name]),
        this.count,
      ]),
      elementOf("div", { class: "controls" }, [
        elementOf("label", { class: "button image-files" }, ["Image files …", this.files]),
        this.removeButton,
      ]),
      this.images,
    ]);
    this.acceptDrops();
    this.update();
  }

  acceptDrops() {
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.element.classList.add("is-target");
    });
    this.element.addEventListener("dragleave", () => this.element.classList.remove("is-target"));
    this.element.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.element.classList.remove("is-target");
      try {
        await this.addFiles(await droppedFiles(event.dataTransfer));
      } catch (error) {
        this.list.options.refuse(error);
      }
    });
  }

  /** Show the name and number of images in all texts. */
  update() {
    const { name, images } = this.sampleClass;
    this.name.value = name;
    this.removeButton.setAttribute("aria-label", `Remove class ${name}`);
    this.files.setAttribute("aria-label", `Image files … for ${name}`);
    this.count.textContent = imagesInWords(images.length);
    this.images.setAttribute("aria-label", `Images of class ${name}`);
    [...this.images.children].forEach((item, index) => {
      const label = `Remove image ${index + 1} of class ${name}`;
      item.firstElementChild?.setAttribute("aria-label", label);
      item.firstElementChild?.setAttribute("title", label);
    });
  }

  rename() {
    try {
      this.list.samples.renameClass(this.sampleClass, this.name.value);
    } catch (error) {
      this.update();
      this.list.options.refuse(error);
      this.name.focus();
      return;
    }
    this.update();
    this.list.options.onChange();
  }

  /** @param {Uint8Array} image */
  addImage(image) {
    this.sampleClass.images.push(image);
    const button = buttonOf("", () => this.removeImage(image, item));
    button.append(thumbnailOf(image, this.list.options.shape));
    const item = elementOf("li", {}, [button]);
    this.images.append(item);
    this.update();
  }

  /**
   * @param {Uint8Array} image
   * @param {HTMLElement} item
   */
  removeImage(image, item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const { images } = this.sampleClass;
    images.splice(images.indexOf(image), 1);
    item.remove();
    this.update();
    const focused = next?.firstElementChild ?? this.name;
    /** @type {HTMLElement} */ (focused).focus();
    this.list.options.onChange();
    this.tellCount();
  }

  tellCount() {
    const { name, images } = this.sampleClass;
    this.list.options.tell(`Class ${name} has ${imagesInWords(images.length)}.`);
  }

  /**
   * Add image files; the error names the first that the browser cannot read.
   * @param {File[]} files
   */
  async addFiles(files) {
    const { engine, onChange, refuse } = this.list.options;
    /** @type {unknown[]} */
    const errors = [];
    for (const file of files) {
      try {
        this.addImage(await pixelsOfFile(file, engine, file.name));
      } catch (error) {
        errors.push(error);
      }
    }
    this.files.value = ""; // so that the same files can be chosen again
    onChange();
    this.tellCount();
    if (errors.length > 0) refuse(errors[0]);
  }
}

/** The list of all classes. */
export class ClassList {
  /**
   * @param {ClassSamples} samples
   * @param {ClassListOptions} options
   */
  constructor(samples, options) {
    this.samples = samples;
    this.options = options;
    this.list = elementOf("ul", { class: "sample-classes" });
    this.addClassButton = buttonOf("Add a class", () => this.addClass());
    this.element = elementOf("div", {}, [this.list, this.addClassButton]);
    /** @type {ClassRow[]} */
    this.rows = [];
    for (const each of samples.classes) this.show(each);
  }

  /**
   * @param {SampleClass} sampleClass
   * @returns {ClassRow}
   */
  show(sampleClass) {
    const row = new ClassRow(this, sampleClass);
    this.rows.push(row);
    this.list.append(row.element);
    return row;
  }

  /**
   * @param {SampleClass} sampleClass
   * @param {Uint8Array} image
   */
  addImage(sampleClass, image) {
    const row = this.rows.find((each) => each.sampleClass === sampleClass);
    row?.addImage(image);
    this.options.onChange();
    row?.tellCount();
  }

  addClass() {
    const row = this.show(this.samples.addClass());
    this.options.onChange();
    row.name.focus();
    row.name.select();
  }

  /** @param {ClassRow} row */
  removeClass(row) {
    const { name, images } = row.sampleClass;
    const question = `Remove class ${name} and its ${imagesInWords(images.length)}?`;
    if (images.length > 0 && !confirm(question)) return;
    try {
      this.samples.removeClass(row.sampleClass);
    } catch (error) {
      this.options.refuse(error);
      return;
    }
    this.rows.splice(this.rows.indexOf(row), 1);
    row.element.remove();
    this.addClassButton.focus();
    this.options.onChange();
    this.options.tell(`Removed class ${name}.`);
  }
}
