// One stage: a heading, sentences, the maps of its layers, and the arithmetic of a marked cell.

import { announce } from "./announcements.js";
import { agrees, explainCell } from "./arithmetic.js";
import { arithmeticMarkup } from "./arithmetic_view.js";
import { strongestOf, valueAt } from "./cells.js";
import { element, made, render } from "./dom.js";
import { FilterEditor } from "./filter_editor.js";
import { imageSentence, pixelMarkup } from "./image_stage.js";
import { LayerMaps } from "./layer_maps.js";
import { VOTE_SENTENCE, sentenceOf, titleOf } from "./layer_texts.js";
import { IMAGE } from "./network_state.js";
import { shapeText, significant } from "./numbers.js";

/**
 * @typedef {import("./network_state.js").LayerInfo} LayerInfo
 * @typedef {import("./network_state.js").NetworkState} NetworkState
 * @typedef {import("./arithmetic.js").Explanation} Explanation
 * @typedef {{name: string, index: number[]}} CellPlace
 * @typedef {{number: number, layers: LayerInfo[], first: LayerInfo | undefined, seen: Set<string>,
 *   numbers: Map<string, number>, isOpen: boolean}} Place of a stage: its number (0 for the image),
 *   its layers, the first convolution of the network, the sentences that the page has already, the
 *   number of every layer's stage, and whether the stage is unfolded
 */

export class Stage {
  /** @type {CellPlace | null} the cell that the user marked */
  #chosen = null;
  /** @type {CellPlace} */
  #shown = { name: IMAGE, index: [] };
  #isPinned = false;
  #speaks = false; // the next arithmetic that is shown
  /** @type {Explanation | null} */
  #explanation = null;

  /**
   * @param {NetworkState} state
   * @param {Place} place
   */
  constructor(state, place) {
    this.state = state;
    this.place = place;
    this.isOnScreen = false;
    this.alwaysDraws = false; // its maps, on and off the screen
    /** @type {(isNew: boolean) => void} called after a cell was marked or its reads became known */
    this.onMark = () => {};
    this.onChange = () => {};
    const names = place.number ? place.layers.map((layer) => layer.name) : [IMAGE];
    this.maps = names.map((name) => this.#layerMaps(name));
    this.panel = made("div", { class: "by-hand" });
    const convolution = place.layers.find((layer) => layer.kind === "conv2d");
    this.editor = convolution ? this.#filterEditor(convolution) : null;
    this.details = made("details", { open: place.isOpen });
    this.details.append(
      made("summary", null, element("h3", null, this.#heading())),
      ...this.#facts(),
      ...this.#sentences().map((sentence) => made("p", null, sentence)),
      ...this.maps.map((maps) => maps.root),
      this.panel,
      ...(this.editor ? [this.editor.root] : []),
    );
    this.details.addEventListener("toggle", () => this.show());
    this.details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isPinned) return;
      this.#isPinned = false;
      this.#showCell();
    });
    this.root = made("section", { class: "stage", id: `stage-${place.number}` });
    this.root.append(this.details);
  }

  /** Draw the maps of the last run, if the stage is unfolded and on the screen. */
  draw() {
    if (!this.details.open || !this.state.hasRun) return;
    if (this.isOnScreen || this.alwaysDraws) for (const maps of this.maps) maps.draw();
  }

  /** Spell out the arithmetic of the marked cell, if the stage is unfolded and on the screen. */
  explain() {
    if (this.details.open && this.state.hasRun && this.isOnScreen) this.#showCell();
  }

  /** Show all of the last run. */
  show() {
    this.draw();
    this.explain();
  }

  /** @param {boolean} isOnScreen */
  setOnScreen(isOnScreen) {
    const appears = isOnScreen && !this.isOnScreen;
    this.isOnScreen = isOnScreen;
    if (appears) this.show();
  }

  /**
   * The cells that the marked cell was computed from, with the layers they belong to.
   * @returns {{name: string, reads: import("./arithmetic.js").Reads}[]}
   */
  reads() {
    const layer = this.state.layer(this.#shown.name);
    if (!layer || !this.#explanation) return [];
    return this.#explanation.reads.map((reads) => ({ name: layer.inputs[reads.input], reads }));
  }

  /** @param {LayerInfo} convolution */
  #filterEditor(convolution) {
    const change = () => this.onChange();
    // Else the strongest cell, and with it the filter, would move with every change.
    const keep = () => {
      if (!this.state.hasRun) return;
      this.#chosen ??= this.#defaultCell();
      this.#isPinned = true;
      this.#showCell();
    };
    return new FilterEditor(this.state, convolution, change, keep);
  }

  /** @param {string} name */
  #layerMaps(name) {
    const title = name === IMAGE ? "the image" : name;
    return new LayerMaps(this.state, name, title, (index, manner) => {
      if (!this.state.hasRun || (manner === "hover" && this.#isPinned)) return;
      const isSame = this.#chosen?.name === name && String(this.#chosen.index) === String(index);
      if (manner === "press") this.#isPinned = !(this.#isPinned && isSame);
      if (manner === "key") this.#isPinned = true;
      if (isSame && manner === "hover") return;
      this.#chosen = { name, index };
      this.#speaks = manner === "key";
      this.#showCell();
      this.onMark(true);
    });
  }

  #heading() {
    const { number, layers } = this.place;
    if (!number) return "The image as numbers";
    const shown = layers.filter((layer) => layer.kind !== "dropout");
    const isVote = layers.includes(this.state.scores) && layers[0].kind === "dense";
    const titles = (shown.length ? shown : layers).map(titleOf).join(", ");
    const text = isVote ? "the vote" : titles;
    return `${number}. ${text[0].toUpperCase()}${text.slice(1)}`;
  }

  /** Names of the layers, what they read, and the shapes. */
  #facts() {
    const { number, layers, numbers } = this.place;
    if (!number) return [];
    const [first, last] = [layers[0], layers[layers.length - 1]];
    const sources = first.inputs.map((name, k) => [
      k === 0 ? "" : k === first.inputs.length - 1 ? " and " : ", ",
      element(
        "a",
        { href: `#stage-${numbers.get(name) ?? 0}` },
        name === IMAGE ? "the image" : name,
      ),
    ]);
    const shapes = first.inputs.map((name) => shapeText(this.state.shapeOf(name))).join(" and ");
    const names = layers.map((layer) => layer.name).join(", ");
    const line = [`${names}: reads `, sources, `; ${shapes} to ${shapeText(last.shape)}.`];
    const facts = [made("p", { class: "faint" }, line)];
    const origins = first.inputs.map((name) => numbers.get(name) ?? 0);
    const skipped = number - 1 - Math.min(...origins);
    if (origins.length > 1 && skipped > 0) {
      const origin = first.inputs[origins.indexOf(Math.min(...origins))];
      const stages = skipped === 1 ? "stage" : `${skipped} stages`;
      const name = origin === IMAGE ? "The image" : origin;
      facts.push(made("p", null, `${name} takes a shortcut past the ${stages} between.`));
    }
    return facts;
  }

  /** Sentences about the layers that the page does not have yet. */
  #sentences() {
    const { number, layers, seen, first } = this.place;
    if (!number) return [imageSentence(this.state)];
    const sentences = [];
    for (const layer of layers) {
      const read = this.state.shapeOf(layer.inputs[0]);
      const isVote = layer === this.state.scores && layer.kind === "dense";
      const sentence = isVote
        ? VOTE_SENTENCE
        : sentenceOf(layer, read[read.length - 1], layer === first);
      if (sentence && !seen.has(sentence)) sentences.push(sentence);
      seen.add(sentence);
    }
    return sentences;
  }

  /** The strongest cell of the first layer, or the score of the explained class. */
  #defaultCell() {
    const name = this.maps[0].name;
    const { values, shape } = this.state.numbersOf(name);
    if (name === this.state.scores.name && shape.length === 1) {
      return { name, index: [Math.min(this.state.explainedClass, shape[0] - 1)] };
    }
    let strongest = 0;
    for (let k = 1; k < values.length; k++) if (values[k] > values[strongest]) strongest = k;
    if (shape.length === 1) return { name, index: [strongest] };
    const cell = Math.floor(strongest / shape[2]);
    return { name, index: [Math.floor(cell / shape[1]), cell % shape[1], strongest % shape[2]] };
  }

  /** Mark the cell, and spell out its arithmetic once its weights are known. */
  #showCell() {
    const cell = this.#chosen ?? this.#defaultCell();
    const layer = this.state.layer(cell.name);
    for (const maps of this.maps) maps.grid.mark(maps.name === cell.name ? cell.index : null);
    this.#shown = cell;
    if (!layer) {
      this.#renderPanel(pixelMarkup(this.state, cell.index));
      return;
    }
    const arrays = this.state.knownArrays(layer);
    if (!arrays) {
      this.state.readArrays(layer).then(() => {
        this.#showCell();
        this.onMark(false);
      });
      return;
    }
    const { index } = cell;
    const { kind, settings } = layer;
    const inputs = layer.inputs.map((name) => this.state.numbersOf(name));
    const output = this.state.numbersOf(layer.name);
    this.#explanation = explainCell({ kind, settings, index, inputs, arrays, output });
    this.#showFilter(index, this.#explanation.steps);
    const strongest = this.maps.find((maps) => maps.name === cell.name)?.strongest ?? 1;
    // While the network trains, the weights may be newer than the run.
    const isStale = !agrees(this.#explanation, strongest);
    this.panel.classList.toggle("is-stale", isStale);
    if (isStale && this.panel.childElementCount) return;
    const explanation = this.#explanation;
    this.#renderPanel(arithmeticMarkup({ explanation, layer, index, state: this.state }));
  }

  /**
   * Show the filter of the marked cell, on the map that contributes most.
   * @param {number[]} index
   * @param {import("./arithmetic.js").Steps} steps
   */
  #showFilter(index, steps) {
    const byMap =
      steps.form === "window" ? steps.byMap : steps.form === "list" ? steps.products : null;
    this.editor?.show(index[2] ?? 0, byMap ? strongestOf(byMap, 1)[0] : undefined);
  }

  /** @param {import("./dom.js").Child[]} markup */
  #renderPanel(markup) {
    const { name, index } = this.#shown;
    const origin = name === IMAGE ? "the image" : name;
    const place = this.state.placeText(name, index);
    const hint = this.#isPinned ? "kept; press it again to let go" : "press a cell to keep it";
    render(
      this.panel,
      element(
        "p",
        { class: "cell-name" },
        element("b", null, `By hand: ${place}`),
        ` in ${origin}: ${significant(valueAt(this.state.numbersOf(name), index))}`,
        element("span", { class: "faint" }, ` (${hint})`),
      ),
      markup,
    );
    if (this.#speaks) this.#announceCell();
  }

  /** Speak the marked number, and the line of the panel that ends with it. */
  #announceCell() {
    this.#speaks = false;
    const { name, index } = this.#shown;
    const value = significant(valueAt(this.state.numbersOf(name), index));
    const sum = this.panel.querySelector("p .result")?.parentElement?.textContent ?? "";
    announce("cell", `${this.state.placeText(name, index)}: ${value}. ${sum}`.trim());
  }
}
