// The images that the reader collected, by class, and the checks before training and download.

export const LEAST_IMAGES_OF_A_CLASS = 2;
const LEAST_CLASSES = 2;
const NAME_IS_NO_FOLDER = /[\\/:*?"<>|\p{Cc}]|^\.|[. ]$/u;
const IGNORED_FOLDER = "__MACOSX";

/**
 * @typedef {{name: string, images: Uint8Array[]}} SampleClass
 * @typedef {{pixels: Uint8Array, labels: number[], classes: string[]}} TrainingSet
 */

/**
 * Order of two texts by their code points, in which Python sorts the names of folders.
 * @param {string} one
 * @param {string} other
 * @returns {number}
 */
export function byCodePoints(one, other) {
  const ones = Array.from(one);
  const others = Array.from(other);
  for (let index = 0; index < Math.min(ones.length, others.length); index += 1) {
    const difference =
      /** @type {number} */ (ones[index].codePointAt(0)) -
      /** @type {number} */ (others[index].codePointAt(0));
    if (difference !== 0) return difference;
  }
  return ones.length - others.length;
}

/** Classes with their images, all of the model's size. */
export class ClassSamples {
  /** @param {string[]} names in the order of the model's outputs; missing ones are added */
  constructor(names) {
    /** @type {SampleClass[]} */
    this.classes = names.map((name) => ({ name, images: [] }));
    while (this.classes.length < LEAST_CLASSES) this.addClass();
  }

  /** @returns {string[]} */
  names() {
    return this.classes.map(({ name }) => name);
  }

  /** @returns {number} number of all images */
  imageCount() {
    return this.classes.reduce((count, { images }) => count + images.length, 0);
  }

  /**
   * Add a class without images, "Class 3".
   * @returns {SampleClass}
   */
  addClass() {
    let number = this.classes.length + 1;
    while (this.names().includes(`Class ${number}`)) number += 1;
    const added = { name: `Class ${number}`, images: [] };
    this.classes.push(added);
    return added;
  }

  /** @param {SampleClass} sampleClass */
  removeClass(sampleClass) {
    if (this.classes.length <= LEAST_CLASSES) {
      throw new Error(
        `A model has at least ${LEAST_CLASSES} classes: rename ${sampleClass.name} instead.`,
      );
    }
    this.classes = this.classes.filter((each) => each !== sampleClass);
  }

  /**
   * @param {SampleClass} sampleClass
   * @param {string} text the new name; spaces around it are removed
   */
  renameClass(sampleClass, text) {
    const name = text.trim();
    if (name === "") throw new Error("The name of a class is empty: write one.");
    if (this.classes.some((each) => each !== sampleClass && each.name === name)) {
      throw new Error(`There is a class ${name} already: write another name.`);
    }
    sampleClass.name = name;
  }

  /**
   * The sentence that says why the images cannot be trained on, or "".
   * @returns {string}
   */
  problem() {
    const short = this.classes.find(({ images }) => images.length < LEAST_IMAGES_OF_A_CLASS);
    if (short === undefined) return "";
    const count = short.images.length === 1 ? "1 image" : `${short.images.length || "no"} images`;
    return (
      `Class ${short.name} has ${count}, expected at least ${LEAST_IMAGES_OF_A_CLASS}: ` +
      "draw one and add it, or remove the class."
    );
  }

  /**
   * Classes in the order in which Python reads their folders.
   * @returns {SampleClass[]}
   */
  inFolderOrder() {
    return [...this.classes].sort((one, other) => byCodePoints(one.name, other.name));
  }

  /**
   * All images and their labels, in the order in which Python reads the folder of the same images.
   * @returns {TrainingSet}
   */
  trainingSet() {
    /** @type {number[]} */
    const labels = [];
    /** @type {Uint8Array[]} */
    const images = [];
    for (const each of this.inFolderOrder()) {
      for (const image of each.images) {
        labels.push(this.classes.indexOf(each));
        images.push(image);
      }
    }
    const pixels = new Uint8Array(images.reduce((length, image) => length + image.length, 0));
    let offset = 0;
    for (const image of images) {
      pixels.set(image, offset);
      offset += image.length;
    }
    return { pixels, labels, classes: this.names() };
  }

  /**
   * Names and pixels of the files of all images, in one folder per class.
   * @param {string} folder name of the folder around those of the classes
   * @returns {Array<{name: string, pixels: Uint8Array}>}
   */
  files(folder) {
    this.checkFolderNames();
    return this.inFolderOrder().flatMap(({ name, images }) =>
      images.map((pixels, index) => ({
        name: `${folder}/${name}/${String(index + 1).padStart(5, "0")}.png`,
        pixels,
      })),
    );
  }

  /** Refuse names that some system does not allow as those of two folders. */
  checkFolderNames() {
    const seen = new Map();
    for (const { name } of this.classes) {
      if (NAME_IS_NO_FOLDER.test(name) || name === IGNORED_FOLDER) {
        throw new Error(
          `The class ${name} cannot be the name of a folder: rename it, without ` +
            '\\ / : * ? " < > | and without a dot at its beginning or end.',
        );
      }
      const twin = seen.get(name.toLowerCase());
      if (twin !== undefined) {
        throw new Error(
          `The classes ${twin} and ${name} are one folder on Windows and macOS: rename one.`,
        );
      }
      seen.set(name.toLowerCase(), name);
    }
  }
}
