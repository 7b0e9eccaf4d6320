// The numbers of a filter as inputs: every change runs the network again.

import { announce } from "./announcements.js";
import { cellStyle } from "./colours.js";
import { element, made, render } from "./dom.js";
import { presetNames, presetWeights } from "./filter_presets.js";
import { largestOf } from "./numbers.js";

/**
 * @typedef {import("./network_state.js").LayerInfo} LayerInfo
 * @typedef {import("./network_state.js").NetworkState} NetworkState
 */

export class FilterEditor {
  #filter = 0;
  #map = 0;
  #strongestMap = 0;
  #place = 0; // the weight that the slider moves

  /**
   * @param {NetworkState} state
   * @param {LayerInfo} layer a conv2d
   * @param {() => void} onChange
   * @param {() => void} onOpen
   */
  constructor(state, layer, onChange, onOpen) {
    this.state = state;
    this.layer = layer;
    this.onChange = onChange;
    const [height, width, maps, filters] = layer.arrays.weight;
    this.height = height;
    this.width = width;
    this.maps = maps;
    this.filters = filters;
    this.body = made("div");
    this.root = made(
      "details",
      { class: "editor" },
      element("summary", null, "Change this filter by hand"),
    );
    this.error = made("p", { class: "error", role: "status" });
    this.root.append(this.body, this.error);
    this.root.addEventListener("toggle", () => {
      this.#map = this.#strongestMap;
      if (this.root.open) onOpen();
      this.show(this.#filter);
    });
  }

  /**
   * Show a filter, if the editor is unfolded.
   * @param {number} filter
   * @param {number} [strongestMap] the one of its maps to begin with
   */
  show(filter, strongestMap = this.#strongestMap) {
    this.#strongestMap = strongestMap;
    if (this.#filter !== filter) this.#map = strongestMap;
    this.#filter = Math.min(filter, this.filters - 1);
    if (!this.root.open) return;
    const arrays = this.state.knownArrays(this.layer);
    if (arrays) this.#render(arrays);
    else this.state.readArrays(this.layer).then(() => this.show(this.#filter));
  }

  /** @param {Record<string, Float32Array>} arrays */
  #render(arrays) {
    const count = this.height * this.width;
    const weights = Array.from({ length: count }, (_, k) => arrays.weight[this.#at(k)]);
    const name = `Filter ${this.#filter} of ${this.layer.name}`;
    render(
      this.body,
      element("p", { class: "controls" }, name, this.maps > 1 && this.#mapChoice()),
      element("div", { class: "scroll" }, this.#grid(weights)),
      element("p", { class: "controls" }, this.#slider(weights), this.#biasField(arrays.bias)),
      element("p", { class: "controls" }, this.#buttons()),
    );
  }

  /** The choice of the map whose weights are shown. */
  #mapChoice() {
    const filtersOfGroup = this.filters / this.layer.settings.groups;
    const first = Math.floor(this.#filter / filtersOfGroup) * this.maps;
    const options = Array.from({ length: this.maps }, (_, k) =>
      element("option", { value: String(k) }, this.state.mapText(this.layer.inputs[0], first + k)),
    );
    const onchange = (/** @type {any} */ event) => this.#choose(Number(event.target.value));
    return element(
      "label",
      null,
      "on ",
      element("select", { value: String(this.#map), onchange }, options),
    );
  }

  /** @param {number[]} weights */
  #grid(weights) {
    const strongest = largestOf(weights);
    const rows = Array.from({ length: this.height }, (_, row) => {
      const cells = Array.from({ length: this.width }, (_, column) =>
        this.#cell(weights, row, column, strongest),
      );
      return element("tr", null, cells);
    });
    return element("table", { class: "grid weights" }, element("tbody", null, rows));
  }

  /** @param {number[]} weights */
  #slider(weights) {
    const limit = Math.max(2, Math.ceil(largestOf(weights)));
    const [row, column] = [Math.floor(this.#place / this.width), this.#place % this.width];
    const oninput = (/** @type {any} */ event) =>
      this.#set([[this.#place, Number(event.target.value)]]);
    const range = { type: "range", min: -limit, max: limit, step: limit / 200 };
    return element(
      "label",
      null,
      `weight in row ${row}, column ${column} `,
      element("input", { ...range, value: String(weights[this.#place]), oninput }),
    );
  }

  /** @param {Float32Array | undefined} bias */
  #biasField(bias) {
    if (!bias) return null;
    const oninput = (/** @type {any} */ event) => this.#setBias(event.target.value);
    const value = shortText(bias[this.#filter]);
    return element(
      "label",
      null,
      "bias ",
      element("input", { type: "number", step: "0.1", value, oninput }),
    );
  }

  #buttons() {
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) =>
      element("button", { type: "button", onclick }, text);
    return [
      presetNames(this.height, this.width).map((name) => button(name, () => this.#preset(name))),
      button("Reset all filters", () => this.#reset()),
    ];
  }

  /**
   * @param {number[]} weights
   * @param {number} row
   * @param {number} column
   * @param {number} strongest
   */
  #cell(weights, row, column, strongest) {
    const k = row * this.width + column;
    return element(
      "td",
      { class: k === this.#place ? "marked" : null },
      element("input", {
        type: "number",
        step: "0.1",
        value: shortText(weights[k]),
        style: cellStyle(weights[k], strongest),
        "aria-label": `weight in row ${row}, column ${column}`,
        onfocus: () => this.#select(k),
        oninput: (/** @type {any} */ event) => this.#set([[k, Number(event.target.value)]]),
      }),
    );
  }

  /** @param {number} map */
  #choose(map) {
    this.#map = map;
    this.show(this.#filter);
  }

  /** @param {number} place */
  #select(place) {
    this.#place = place;
    this.show(this.#filter);
  }

  /** @param {string} name */
  #preset(name) {
    this.#set(presetWeights(name, this.height, this.width).map((weight, k) => [k, weight]));
    announce("filters", `${name} in filter ${this.#filter}`);
  }

  /** @param {number[][]} changes places and weights */
  async #set(changes) {
    const arrays = this.state.knownArrays(this.layer);
    if (!arrays || changes.some(([, weight]) => !Number.isFinite(weight))) return;
    const weights = arrays.weight.slice();
    for (const [place, weight] of changes) weights[this.#at(place)] = weight;
    await this.#change(() => this.state.changeArray(`${this.layer.name}.weight`, weights));
  }

  /** @param {string} text */
  async #setBias(text) {
    const arrays = this.state.knownArrays(this.layer);
    if (!arrays || !Number.isFinite(Number(text))) return;
    const bias = arrays.bias.slice();
    bias[this.#filter] = Number(text);
    await this.#change(() => this.state.changeArray(`${this.layer.name}.bias`, bias));
  }

  async #reset() {
    await this.#change(async () => {
      await this.state.engine.resetWeights();
      this.state.forgetArrays();
    });
    announce("filters", "All filters are as they were");
  }

  /**
   * Change weights, and run the network again.
   * @param {() => Promise<void>} change refused while the network trains
   */
  async #change(change) {
    this.error.textContent = "";
    try {
      await change();
    } catch (error) {
      this.error.textContent = error instanceof Error ? error.message : String(error);
      this.state.forgetArrays();
    }
    this.show(this.#filter);
    this.onChange();
  }

  /** @param {number} place */
  #at(place) {
    return (place * this.maps + this.#map) * this.filters + this.#filter;
  }
}

/** @param {number} value */
function shortText(value) {
  return String(Number(value.toFixed(3)));
}
