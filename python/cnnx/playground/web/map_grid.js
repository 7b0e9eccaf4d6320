// The maps of a layer as small canvases, whose cells are marked by pointer and keyboard.

import { paintMap } from "./colours.js";
import { made } from "./dom.js";
import { counted, sizeText } from "./numbers.js";

/**
 * @typedef {import("./arithmetic.js").Reads} Reads
 * @typedef {"hover" | "press" | "key"} Manner
 * @typedef {(index: number[], manner: Manner) => void} OnMark
 * @typedef {{tile: HTMLElement, canvas: HTMLCanvasElement, context: CanvasRenderingContext2D,
 *   frame: HTMLElement, cell: HTMLElement}} Tile
 */

const MOST_MAPS = 16; // before the user asks for all
// Most entries of a list, and the columns and CSS pixels of its cells.
const LIST_CELLS = [
  { entries: 12, columns: 12, side: 36 },
  { entries: 440, columns: 44, side: 18 },
  { entries: Infinity, columns: 96, side: 8 },
];

/** @type {Record<string, [number, number, number]>} changes of row, column and map */
const STEPS_OF_KEYS = {
  ArrowUp: [-1, 0, 0],
  ArrowDown: [1, 0, 0],
  ArrowLeft: [0, -1, 0],
  ArrowRight: [0, 1, 0],
  PageUp: [0, 0, -1],
  PageDown: [0, 0, 1],
};

export class MapGrid {
  /** @type {Tile[]} */
  #tiles = [];
  /** @type {number[] | null} */
  #marked = null;
  /** @type {ImageData | null} */
  #image = null;

  /**
   * @param {string} name of the layer
   * @param {number[]} shape (height, width, maps) or (entries)
   * @param {(map: number) => string} mapText names a map
   * @param {OnMark} onMark
   */
  constructor(name, shape, mapText, onMark) {
    this.name = name;
    this.shape = shape;
    this.mapText = mapText;
    this.onMark = onMark;
    this.isList = shape.length === 1;
    this.rows = this.isList ? Math.ceil(shape[0] / listCells(shape[0]).columns) : shape[0];
    this.columns = this.isList ? Math.ceil(shape[0] / this.rows) : shape[1];
    this.maps = this.isList ? 1 : shape[2];
    this.root = made("div", { class: this.isList ? "maps strip" : "maps" });
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", `${name}: ${this.isList ? "list" : "maps"}`);
    this.more = made("button", { type: "button", class: "more" });
    this.more.addEventListener("click", () => this.#showAll());
    this.#addTiles(Math.min(this.maps, MOST_MAPS));
    this.#listen();
    this.#updateMore();
  }

  /**
   * Draw the numbers of a run.
   * @param {Float32Array} values
   * @param {number} strongest the absolute value with the strongest colour
   */
  draw(values, strongest) {
    this.values = values;
    this.strongest = strongest;
    this.#image ??= new ImageData(this.columns, this.rows);
    this.#tiles.forEach(({ context }, map) => {
      const image = /** @type {ImageData} */ (this.#image);
      paintMap(image, values, map, this.isList ? 1 : this.maps, strongest);
      context.putImageData(image, 0, 0);
    });
  }

  /**
   * Mark a cell, or none.
   * @param {number[] | null} index
   */
  mark(index) {
    const before = this.#marked && this.#tiles[this.#tileOf(this.#marked)];
    if (before) before.cell.hidden = true;
    this.#marked = index;
    const map = index ? this.#tileOf(index) : 0;
    const after = this.#tiles[map];
    this.#tiles.forEach(({ canvas }, k) => (canvas.tabIndex = k === (after ? map : 0) ? 0 : -1));
    if (!index || !after) return;
    const [row, column] = this.#placeOf(index);
    this.#place(after.cell, { top: row, left: column, rows: 1, columns: 1 });
  }

  /**
   * Frame the cells that another layer read, or none.
   * @param {Reads | null} reads
   */
  frame(reads) {
    this.#tiles.forEach(({ tile, frame }, map) => {
      const isRead = reads?.frame && map >= reads.first && map < reads.first + reads.count;
      frame.hidden = !isRead;
      if (isRead && reads.frame) this.#place(frame, reads.frame);
      tile.querySelectorAll(".entry").forEach((entry) => entry.remove());
      for (const each of (this.isList && reads?.entries) || []) {
        const entry = made("span", { class: "frame entry" });
        const [row, column] = this.#placeOf([each]);
        this.#place(entry, { top: row, left: column, rows: 1, columns: 1 });
        tile.append(entry);
      }
    });
  }

  /** Let the keyboard's cursor go to the marked cell. */
  focus() {
    this.#tiles[this.#marked ? this.#tileOf(this.#marked) : 0]?.canvas.focus();
  }

  /** @param {number} count */
  #addTiles(count) {
    const pages = this.maps > 1 ? ", Page Up and Page Down over the maps" : "";
    for (let map = this.#tiles.length; map < count; map++) {
      const text = this.isList
        ? `${this.name}, a list of ${this.shape[0]} numbers`
        : `${this.mapText(map)} of ${this.name}, ${sizeText(this.rows, this.columns)}`;
      const canvas = made("canvas", {
        width: this.columns,
        height: this.rows,
        tabindex: map === 0 ? 0 : -1,
        role: "application",
        "aria-label": `${text}. Arrow keys move over the cells${pages}.`,
        "data-map": map,
      });
      const cell = made("span", { class: "cell", hidden: true });
      const frame = made("span", { class: "frame", hidden: true });
      const tile = made("div", {
        class: "tile",
        style: tileStyle(this.rows, this.columns, this.maps, this.isList),
      });
      tile.append(canvas, frame, cell);
      const context = /** @type {CanvasRenderingContext2D} */ (
        canvas.getContext("2d", { willReadFrequently: true })
      );
      this.#tiles.push({ tile, canvas, context, frame, cell });
      this.root.insertBefore(tile, this.more.parentNode === this.root ? this.more : null);
    }
  }

  #updateMore() {
    if (this.#tiles.length < this.maps) {
      this.more.textContent = `Show all ${counted(this.maps)} maps`;
      this.root.append(this.more);
    } else {
      this.more.remove();
    }
  }

  #showAll() {
    const first = this.#tiles.length;
    this.#addTiles(this.maps);
    if (this.values) this.draw(this.values, this.strongest ?? 1);
    this.mark(this.#marked);
    this.#updateMore();
    this.#tiles[first].canvas.focus();
  }

  #listen() {
    const at = (/** @type {PointerEvent} */ event, /** @type {Manner} */ manner) => {
      const index = this.#indexAt(event);
      if (index) this.onMark(index, manner);
    };
    this.root.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") at(event, "hover");
    });
    this.root.addEventListener("click", (event) =>
      at(/** @type {PointerEvent} */ (event), "press"),
    );
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("focusin", (event) => {
      if (!(event.target instanceof HTMLCanvasElement) || !event.target.matches(":focus-visible"))
        return;
      if (!this.#marked) this.onMark(this.isList ? [0] : [0, 0, this.#mapOf(event.target)], "key");
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = STEPS_OF_KEYS[event.key];
    if (!step || !(event.target instanceof HTMLCanvasElement)) return;
    event.preventDefault();
    const start = this.#marked ?? (this.isList ? [0] : [0, 0, 0]);
    const [row, column] = this.#placeOf(start);
    const clipped = (/** @type {number} */ value, /** @type {number} */ size) =>
      Math.min(Math.max(value, 0), size - 1);
    const next = [clipped(row + step[0], this.rows), clipped(column + step[1], this.columns)];
    const map = clipped(this.#tileOf(start) + step[2], this.#tiles.length);
    const entry = clipped(next[0] * this.columns + next[1], this.shape[0]);
    this.onMark(this.isList ? [entry] : [...next, map], "key");
    this.#tiles[map].canvas.focus({ preventScroll: step[2] === 0 });
  }

  /** @param {PointerEvent} event */
  #indexAt(event) {
    const canvas = event.target;
    if (!(canvas instanceof HTMLCanvasElement)) return null;
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    if (!this.isList) return [row, column, this.#mapOf(canvas)];
    const entry = row * this.columns + column;
    return entry < this.shape[0] ? [entry] : null;
  }

  /** @param {HTMLCanvasElement} canvas */
  #mapOf(canvas) {
    return Number(canvas.dataset.map);
  }

  /** @param {number[]} index */
  #tileOf(index) {
    return this.isList ? 0 : index[2];
  }

  /** @param {number[]} index */
  #placeOf(index) {
    return this.isList
      ? [Math.floor(index[0] / this.columns), index[0] % this.columns]
      : [index[0], index[1]];
  }

  /**
   * @param {HTMLElement} box
   * @param {{top: number, left: number, rows: number, columns: number}} cells
   */
  #place(box, cells) {
    box.hidden = false;
    box.style.cssText = boxStyle(cells, this.rows, this.columns);
  }
}

/**
 * Style of a box around cells of a map.
 * @param {{top: number, left: number, rows: number, columns: number}} cells
 * @param {number} rows
 * @param {number} columns
 * @returns {string}
 */
export function boxStyle(cells, rows, columns) {
  const part = (/** @type {number} */ value, /** @type {number} */ size) =>
    `${((100 * value) / size).toFixed(3)}%`;
  return (
    `top:${part(cells.top, rows)};left:${part(cells.left, columns)};` +
    `height:${part(cells.rows, rows)};width:${part(cells.columns, columns)}`
  );
}

/**
 * Size of a map: larger ones have more pixels, smaller ones larger cells.
 * @param {number} rows
 * @param {number} columns
 * @param {number} maps eight of many maps fit in a row
 * @param {boolean} isList
 * @returns {string}
 */
export function tileStyle(rows, columns, maps, isList) {
  const longest = Math.max(rows, columns);
  const side = Math.min(Math.max(Math.round(26 * Math.sqrt(longest)), 72), maps > 8 ? 102 : 132);
  const width = isList ? columns * listCells(rows * columns).side : (side * columns) / longest;
  return `width:${Math.round(width)}px;aspect-ratio:${columns}/${rows}`;
}

/** @param {number} entries */
function listCells(entries) {
  return LIST_CELLS.find((each) => entries <= each.entries) ?? LIST_CELLS[0];
}
