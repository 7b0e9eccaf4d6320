// A layer on the page: its name and shape, the scale of its colours, and its maps.

import { legendGradient } from "./colours.js";
import { element, made, render } from "./dom.js";
import { MapGrid } from "./map_grid.js";
import { decimalsOf, fixed, largestOf, shapeText } from "./numbers.js";

/** @typedef {import("./network_state.js").NetworkState} NetworkState */

export class LayerMaps {
  /**
   * @param {NetworkState} state
   * @param {string} name of the layer, or "input"
   * @param {string} title
   * @param {import("./map_grid.js").OnMark} onMark
   */
  constructor(state, name, title, onMark) {
    this.state = state;
    this.name = name;
    this.title = title;
    const shape = state.shapeOf(name);
    this.grid = new MapGrid(title, shape, (map) => state.mapText(name, map), onMark);
    this.caption = made("figcaption");
    this.root = made("figure", { class: "layer" });
    this.root.append(this.caption, this.grid.root);
    this.strongest = 1;
  }

  /** Draw the numbers of the last run. */
  draw() {
    const { values, shape } = this.state.numbersOf(this.name);
    this.strongest = largestOf(values);
    this.grid.draw(values, this.strongest);
    const limit = fixed(this.strongest, decimalsOf([this.strongest]));
    render(
      this.caption,
      element("span", null, element("b", null, this.title), `: ${shapeText(shape)}`),
      element(
        "span",
        { class: "legend", "aria-label": `colours from -${limit} to ${limit}`, role: "img" },
        `-${limit}`,
        element("span", { class: "scale", style: `background:${legendGradient()}` }),
        limit,
      ),
    );
  }
}
