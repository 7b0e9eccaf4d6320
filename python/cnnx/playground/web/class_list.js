// The list of classes in the training panel, with their names, images and buttons.

import { ClassSamples } from "./class_samples.js";
import { pixelsOfFile } from "./image_file.js";
import { buttonOf, elementOf } from "./panel_elements.js";

/**
 * @typedef {import("./class_samples.js").SampleClass} SampleClass
 * @typedef {{
 *   shape: number[], pixels: () => Uint8Array, engine: any,
 *   onChange: () => void, tell: (text: string) => void, refuse: (error: unknown) => void,
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
  for (let index = 0; index < height * width; index += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image.data[4 * index + channel] = pixels[index * channels + Math.min(channel, channels - 1)];
    }
    image.data[4 * index + 3] = 255;
  }
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
    this.addButton = buttonOf("", () => this.addDrawn(), { class: "primary" });
    this.removeButton = buttonOf("Remove class", () => list.removeClass(this));
    this.files = elementOf("input", {
      class: "hidden-input",
      type: "file",
      accept: "image/*",
      multiple: "",
    });
    this.files.addEventListener("change", () => this.addFiles([...(this.files.files ?? [])]));
    this.count = elementOf("span", { class: "faint" });
    this.images = elementOf("ul", { class: "samples" });
    this.element = elementOf("li", { class: "sample-class" }, [
      elementOf("div", { class: "sample-row" }, [
        elementOf("label", {}, ["Class ", this.name]),
        this.count,
      ]),
      elementOf("div", { class: "sample-row" }, [
        this.addButton,
        elementOf("label", { class: "button" }, ["Files…", this.files]),
        this.removeButton,
      ]),
      this.images,
    ]);
    this.acceptDrops();
    for (const image of sampleClass.images) this.showImage(image);
    this.update();
  }

  acceptDrops() {
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.element.classList.add("drop-target");
    });
    this.element.addEventListener("dragleave", () => this.element.classList.remove("drop-target"));
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      this.element.classList.remove("drop-target");
      this.addFiles([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** Show the name and number of images in all texts. */
  update() {
    const { name, images } = this.sampleClass;
    this.name.value = name;
    this.addButton.textContent = `Add to ${name}`;
    this.addButton.setAttribute("aria-label", `Add to ${name} the image on the pad`);
    this.removeButton.setAttribute("aria-label", `Remove class ${name}`);
    this.files.setAttribute("aria-label", `Files… with images for ${name}`);
    this.count.textContent = imagesInWords(images.length);
    this.images.setAttribute("aria-label", `Images of class ${name}`);
    [...this.images.children].forEach((item, index) => {
      const label = `Remove image ${index + 1} of class ${name}`;
      item.firstElementChild?.setAttribute("aria-label", label);
      item.firstElementChild?.setAttribute("title", label);
    });
  }

  rename() {
    const before = this.sampleClass.name;
    try {
      this.list.samples.renameClass(this.sampleClass, this.name.value);
    } catch (error) {
      this.name.value = before;
      this.list.options.refuse(error);
      this.name.focus();
      return;
    }
    this.update();
    this.list.options.onChange();
  }

  addDrawn() {
    this.addImage(this.list.options.pixels().slice());
    this.list.options.onChange();
    const { name, images } = this.sampleClass;
    this.list.options.tell(`Added to ${name}, which has ${imagesInWords(images.length)}.`);
  }

  /** @param {Uint8Array} image */
  addImage(image) {
    this.sampleClass.images.push(image);
    this.showImage(image);
    this.update();
  }

  /** @param {Uint8Array} image */
  showImage(image) {
    const button = buttonOf("", () => this.removeImage(image, item));
    button.append(thumbnailOf(image, this.list.options.shape));
    const item = elementOf("li", {}, [button]);
    this.images.append(item);
  }

  /**
   * @param {Uint8Array} image
   * @param {HTMLElement} item
   */
  removeImage(image, item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const { name, images } = this.sampleClass;
    images.splice(images.indexOf(image), 1);
    item.remove();
    this.update();
    const focused = next?.firstElementChild ?? this.addButton;
    /** @type {HTMLElement} */ (focused).focus();
    this.list.options.onChange();
    this.list.options.tell(`Removed. Class ${name} has ${imagesInWords(images.length)}.`);
  }

  /**
   * Add image files; those that the browser cannot read are named in an error.
   * @param {File[]} files
   */
  async addFiles(files) {
    const { engine, onChange, tell, refuse } = this.list.options;
    /** @type {string[]} */
    const unread = [];
    for (const file of files) {
      try {
        this.addImage(await pixelsOfFile(file, engine));
      } catch {
        unread.push(file.name);
      }
    }
    this.files.value = "";
    onChange();
    const { name, images } = this.sampleClass;
    tell(`Class ${name} has ${imagesInWords(images.length)}.`);
    if (unread.length > 0) {
      refuse(
        new Error(
          `${unread.length} of ${files.length} files cannot be read as images, the first is ` +
            `${unread[0]}: choose PNG, JPEG, GIF or WebP files.`,
        ),
      );
    }
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
    for (const each of samples.classes) this.show(each);
  }

  /**
   * @param {SampleClass} sampleClass
   * @returns {ClassRow}
   */
  show(sampleClass) {
    const row = new ClassRow(this, sampleClass);
    this.list.append(row.element);
    return row;
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
    try {
      this.samples.removeClass(row.sampleClass);
    } catch (error) {
      this.options.refuse(error);
      return;
    }
    row.element.remove();
    this.addClassButton.focus();
    this.options.onChange();
    this.options.tell(`Removed class ${name} with ${imagesInWords(images.length)}.`);
  }
}
