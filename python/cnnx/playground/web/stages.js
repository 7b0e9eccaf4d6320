// Every stage of the network on the page: its maps, the marked cell, and that cell's arithmetic.

import { Stage } from "./stage.js";
import { stageGroups } from "./stage_groups.js";

/**
 * @typedef {import("./network_state.js").NetworkState} NetworkState
 * @typedef {import("./layer_maps.js").LayerMaps} LayerMaps
 */

const SHORT = 8; // stages; longer networks repeat themselves, and a click unfolds them
const MARGIN = "300px 0px"; // around the screen, in which maps are drawn

export class Stages {
  /** @type {Stage[]} */
  #stages = [];
  /** @type {Map<string, LayerMaps>} */
  #maps = new Map();
  /** @type {LayerMaps[]} */
  #framed = [];
  /** @type {Stage | null} */
  #active = null;

  /**
   * @param {HTMLElement} root
   * @param {NetworkState} state
   * @param {() => void} onChange called after a weight was changed by hand
   */
  constructor(root, state, onChange) {
    this.root = root;
    this.state = state;
    this.onChange = onChange;
    this.observer = new IntersectionObserver((entries) => this.#intersected(entries), {
      rootMargin: MARGIN,
    });
    this.#build();
  }

  /** Build the stages of another network. */
  rebuild() {
    this.observer.disconnect();
    this.#build();
  }

  /** Draw the maps of the last run. */
  draw() {
    for (const stage of this.#stages) stage.draw();
  }

  /** Spell out the arithmetic of the marked cells in the last run. */
  explain() {
    for (const stage of this.#stages) stage.explain();
    this.#drawFrames();
  }

  #build() {
    const { info, scores } = this.state;
    const groups = stageGroups(info.layers, scores);
    const isShort = groups.length <= SHORT;
    const first = info.layers.find((layer) => layer.kind === "conv2d");
    const seen = new Set();
    const numbers = new Map(
      groups.flatMap((layers, k) => layers.map((layer) => [layer.name, k + 1])),
    );
    this.#maps.clear();
    this.#framed = [];
    const image = new Stage(this.state, {
      number: 0,
      layers: [],
      first,
      seen,
      numbers,
      isOpen: true,
    });
    this.#stages = [
      image,
      ...groups.map((layers, k) => {
        const isOpen = isShort || k === groups.length - 1 || layers.includes(first ?? layers[0]);
        return new Stage(this.state, { number: k + 1, layers, first, seen, numbers, isOpen });
      }),
    ];
    this.root.replaceChildren(...this.#stages.map((stage) => stage.root));
    for (const stage of this.#stages) {
      for (const maps of stage.maps) this.#maps.set(maps.name, maps);
      stage.onMark = (isNew) => {
        if (isNew) this.#active = stage;
        if (this.#active === stage) this.#drawFrames();
      };
      stage.onChange = this.onChange;
      stage.alwaysDraws = isShort;
      this.observer.observe(stage.root);
    }
    this.#active = this.#stages[1] ?? image;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #intersected(entries) {
    for (const entry of entries) {
      const stage = this.#stages.find(({ root }) => root === entry.target);
      if (stage) stage.setOnScreen(entry.isIntersecting);
    }
    this.#drawFrames();
  }

  /** Frame the cells that the last marked cell was computed from. */
  #drawFrames() {
    for (const maps of this.#framed) maps.grid.frame(null);
    this.#framed = [];
    for (const { name, reads } of this.#active?.reads() ?? []) {
      const maps = this.#maps.get(name);
      if (!maps) continue;
      maps.grid.frame(reads);
      this.#framed.push(maps);
    }
  }
}
