// Training in the page: collects images, trains the model and gives the reader the files.

import { AddButtons } from "./add_buttons.js";
import { ClassList } from "./class_list.js";
import { ClassSamples } from "./class_samples.js";
import { downloadFile, fileNameOf, imageArchive } from "./download.js";
import { buttonOf, elementOf } from "./panel_elements.js";
import { modelForProgram, pythonProgram } from "./python_program.js";
import { TrainingProgressView } from "./training_progress.js";
import { TrainingSettingsForm } from "./training_settings.js";

const MOST_CLASSES_LISTED = 20; // of a model; for others the list begins with two new classes

/**
 * @typedef {import("./network.js").ModelInfo} ModelInfo
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {{
 *   engine: Engine, info: ModelInfo, name: string, pixels: () => Uint8Array, clear: () => void,
 *   beside: HTMLElement, onChange: (info: ModelInfo) => void, announce: (text: string) => void,
 * }} TrainingPanelOptions `name` is that of the model, `pixels` the image on the pad,
 *   `clear` clears the pad, and `beside` is the place for the buttons beside it
 */

/** The panel and its state. */
class TrainingPanel {
  /**
   * @param {HTMLElement} section
   * @param {TrainingPanelOptions} options
   */
  constructor(section, options) {
    this.engine = options.engine;
    this.options = options;
    this.info = options.info;
    this.name = fileNameOf(options.name);
    this.isTraining = false;
    this.hasUnsavedImages = false;
    /** @type {Promise<Uint8Array>} the file of the model that Reset loads */
    this.original = this.engine.save();
    const listed = this.info.classes.length <= MOST_CLASSES_LISTED ? this.info.classes : [];
    this.samples = new ClassSamples(listed);
    this.list = new ClassList(this.samples, {
      shape: this.info.inputShape,
      engine: this.engine,
      onChange: () => this.samplesChanged(),
      tell: options.announce,
      refuse: (error) => this.refuse(error),
    });
    this.addButtons = new AddButtons(
      (sampleClass) => this.list.addImage(sampleClass, options.pixels()),
      options.clear,
    );
    options.beside.append(this.addButtons.element);
    this.addButtons.show(this.samples.classes);
    this.form = new TrainingSettingsForm(() => this.showProgram());
    this.progress = new TrainingProgressView(options.announce);
    this.trainButton = buttonOf("Train", () => this.toggle(), { class: "primary" });
    this.resetButton = buttonOf("Reset to the original model", () => this.reset());
    this.error = elementOf("p", { class: "error", role: "alert" });
    this.program = elementOf("code");
    this.layOut(section);
    this.showProgram();
    window.addEventListener("beforeunload", (event) => {
      if (this.hasUnsavedImages) event.preventDefault();
    });
  }

  /** @param {HTMLElement} section */
  layOut(section) {
    section.append(
      elementOf("h2", {}, ["Train it"]),
      elementOf("p", {}, [
        "Draw an image on the pad, add it to a class with the button below the pad, and repeat: ",
        "five images or more per class. Rename classes, add or remove some. Then train.",
      ]),
      this.list.element,
      elementOf("h3", {}, ["Settings"]),
      this.form.element,
      elementOf("div", { class: "controls" }, [this.trainButton, this.resetButton]),
      this.error,
      this.progress.element,
      ...this.downloads(),
      elementOf("details", {}, [
        elementOf("summary", {}, ["The same training in Python"]),
        elementOf("p", {}, [
          "With the unpacked images and the model’s file from before the training, this ",
          "program gives the same weights, bit for bit, if the environment variable ",
          elementOf("code", {}, ["CNNX_ISA"]),
          " is ",
          elementOf("code", {}, ["baseline"]),
          ".",
        ]),
        elementOf("pre", {}, [this.program]),
      ]),
    );
  }

  /** @returns {HTMLElement[]} */
  downloads() {
    return [
      elementOf("h3", {}, ["Take it with you"]),
      elementOf("p", {}, [
        "Python opens the model with ",
        elementOf("code", {}, [`cnnx.load("${this.name}.cnnx")`]),
        ". The images are PNG files in a ZIP archive, one folder per class, which ",
        elementOf("code", {}, ["cnnx train"]),
        " reads.",
      ]),
      elementOf("div", { class: "controls" }, [
        buttonOf(`Download ${this.name}.cnnx`, () => this.trying(() => this.downloadModel())),
        buttonOf("Download the images", () => this.trying(() => this.downloadImages())),
      ]),
    ];
  }

  samplesChanged() {
    this.hasUnsavedImages = this.samples.imageCount() > 0;
    this.addButtons.show(this.samples.classes);
    this.refuse(undefined);
    this.showProgram();
  }

  /** @param {unknown} error shown as a sentence; undefined removes the last one */
  refuse(error) {
    const sentence = error instanceof Error ? error.message : String(error);
    this.error.textContent = error === undefined ? "" : sentence;
  }

  /**
   * Show the error of an action, if it has one.
   * @param {() => Promise<void>} action
   */
  async trying(action) {
    this.refuse(undefined);
    try {
      await action();
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Show the program of the next training. It stays when that is done, until a setting changes. */
  showProgram() {
    const settings = this.form.settings();
    if (settings instanceof Error) return;
    this.program.textContent = pythonProgram(settings, {
      ...modelForProgram(this.info),
      name: this.name,
      classes: this.samples.names(),
    });
  }

  toggle() {
    if (this.isTraining) this.engine.stop();
    else this.trying(() => this.train());
  }

  async train() {
    const problem = this.samples.problem();
    if (problem !== "") throw new Error(problem);
    const settings = this.form.settings();
    if (settings instanceof Error) {
      this.form.focusWrong();
      throw settings;
    }
    this.showProgram();
    this.setTraining(true);
    this.progress.begin();
    try {
      const run = { ...this.samples.trainingSet(), ...settings };
      const training = this.engine.train(run, (progress) => {
        if (this.progress.show(progress)) this.options.onChange(this.info);
      });
      // Other classes make another model, which the page shows while it trains.
      const [done] = await Promise.all([training, this.refresh()]);
      this.progress.finish(done);
    } catch (error) {
      this.progress.say("The training ended with an error.");
      throw error;
    } finally {
      this.setTraining(false);
      await this.refresh();
    }
  }

  /** Ask the engine for the model as it is now, and show it. */
  async refresh() {
    this.info = await this.engine.info();
    this.options.onChange(this.info);
  }

  /** @param {boolean} isTraining */
  setTraining(isTraining) {
    this.isTraining = isTraining;
    this.trainButton.textContent = isTraining ? "Stop" : "Train";
    this.resetButton.disabled = isTraining;
    this.form.setDisabled(isTraining);
  }

  reset() {
    this.trying(async () => {
      this.info = await this.engine.load(await this.original);
      this.progress.reset("The model is the original one again. Your images stay.");
      this.showProgram();
      this.options.onChange(this.info);
    });
  }

  async downloadModel() {
    downloadFile(`${this.name}.cnnx`, await this.engine.save(), "application/octet-stream");
  }

  async downloadImages() {
    if (this.samples.imageCount() === 0) {
      throw new Error("There are no images yet: draw one and add it to a class.");
    }
    const files = this.samples.files(`${this.name}-images`);
    const archive = await imageArchive(files, this.info.inputShape);
    downloadFile(`${this.name}-images.zip`, archive, "application/zip");
    this.hasUnsavedImages = false;
  }
}

/**
 * Show the training panel in a section of the page.
 * @param {HTMLElement} section
 * @param {TrainingPanelOptions} options
 */
export function mountTrainingPanel(section, options) {
  new TrainingPanel(section, options);
}
