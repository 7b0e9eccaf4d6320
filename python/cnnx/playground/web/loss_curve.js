// A chart of one measure over the steps of training, which grows while the model trains.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
const CURVE_WIDTH = 420;
const CURVE_HEIGHT = 220;
const CURVE_LEFT = 58;
const CURVE_RIGHT = 14;
const CURVE_TOP = 30;
const CURVE_BOTTOM = 44;
const MOST_CURVE_POINTS = 300;
const CURVE_TICKS = 4;

/**
 * Round numbers from 0 to at least `high`, about `count` steps apart.
 * @param {number} high above 0
 * @param {number} count
 * @returns {number[]} the first is 0, the last is `high` or above
 */
export function roundTicks(high, count) {
  const rough = high / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9)) ?? 10;
  const distance = factor * power;
  const steps = Math.max(1, Math.ceil((high / distance) * (1 - 1e-9)));
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * distance).toPrecision(6)));
}

/**
 * At most `most` points of a curve, each the mean of neighbours.
 * @param {Array<[number, number]>} points
 * @param {number} most
 * @returns {Array<[number, number]>}
 */
export function thinnedPoints(points, most) {
  const width = Math.ceil(points.length / most);
  if (width <= 1) return points;
  /** @type {Array<[number, number]>} */
  const thinned = [];
  for (let first = 0; first < points.length; first += width) {
    const part = points.slice(first, first + width);
    const value = part.reduce((sum, [, each]) => sum + each, 0) / part.length;
    thinned.push([part[part.length - 1][0], value]);
  }
  return thinned;
}

/**
 * Position of a value between two ends that stand for 0 and `high`.
 * @param {number} value
 * @param {number} high
 * @param {number} start
 * @param {number} end
 * @returns {number}
 */
export function scaledPosition(value, high, start, end) {
  const part = Math.min(1, Math.max(0, value / high));
  return Math.round((start + part * (end - start)) * 10) / 10;
}

/**
 * An element of SVG.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} text
 * @returns {SVGElement}
 */
function svgElement(tag, attributes, text = "") {
  const element = document.createElementNS(SVG_NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/**
 * A text of the chart.
 * @param {number} x
 * @param {number} y
 * @param {"start" | "middle" | "end"} anchor
 * @param {string} text
 * @returns {SVGElement}
 */
function textAt(x, y, anchor, text) {
  return svgElement("text", { x, y, "text-anchor": anchor }, text);
}

/** Chart of one measure, from 0 upwards, over the steps. */
export class TrainingCurve {
  /**
   * @param {{title: string, colour: string, format: (value: number) => string, highest: number}}
   *     options `highest`: the upper end of the axis, or 0 for the highest value
   */
  constructor({ title, colour, format, highest }) {
    this.title = title;
    this.format = format;
    this.highest = highest;
    /** @type {Array<[number, number]>} */
    this.points = [];
    this.steps = 1;
    this.element = svgElement("svg", {
      class: "chart",
      role: "img",
      viewBox: `0 0 ${CURVE_WIDTH} ${CURVE_HEIGHT}`,
      width: CURVE_WIDTH,
    });
    this.axes = svgElement("g", { class: "axis" });
    const line = svgElement("g", { class: "line" });
    this.line = svgElement("polyline", { stroke: `var(${colour})` });
    line.append(this.line);
    const middle = (CURVE_LEFT + CURVE_WIDTH - CURVE_RIGHT) / 2;
    this.element.append(
      textAt(CURVE_LEFT, 16, "start", title),
      this.axes,
      line,
      textAt(middle, CURVE_HEIGHT - 6, "middle", "step"),
    );
    this.axesOf = "";
    this.draw();
    this.describe();
  }

  /**
   * Begin a new curve.
   * @param {number} steps number of steps of the training
   */
  begin(steps) {
    this.points = [];
    this.steps = Math.max(1, steps);
    this.draw();
    this.describe();
  }

  /**
   * Add a value without drawing it.
   * @param {number} step
   * @param {number} value
   */
  add(step, value) {
    if (Number.isFinite(value)) this.points.push([step, value]);
  }

  /** Draw the curve, and its axes if their numbers changed. */
  draw() {
    const points = thinnedPoints(this.points, MOST_CURVE_POINTS);
    const high = this.highest || points.reduce((most, [, value]) => Math.max(most, value), 0) || 1;
    const ticks = roundTicks(high, CURVE_TICKS);
    const top = ticks[ticks.length - 1];
    this.drawAxes(ticks);
    const corners = points.map(([step, value]) => {
      const x = scaledPosition(step, this.steps, CURVE_LEFT, CURVE_WIDTH - CURVE_RIGHT);
      const y = scaledPosition(value, top, CURVE_HEIGHT - CURVE_BOTTOM, CURVE_TOP);
      return `${x},${y}`;
    });
    this.line.setAttribute("points", corners.join(" "));
  }

  /** @param {number[]} ticks */
  drawAxes(ticks) {
    const key = `${ticks.join()} ${this.steps}`;
    if (key === this.axesOf) return;
    this.axesOf = key;
    const right = CURVE_WIDTH - CURVE_RIGHT;
    const bottom = CURVE_HEIGHT - CURVE_BOTTOM;
    const top = ticks[ticks.length - 1];
    const horizontal = ticks.flatMap((tick) => {
      const y = scaledPosition(tick, top, bottom, CURVE_TOP);
      return [
        svgElement("line", { x1: CURVE_LEFT, x2: right, y1: y, y2: y }),
        textAt(CURVE_LEFT - 6, y + 4, "end", this.format(tick)),
      ];
    });
    const steps = roundTicks(this.steps, CURVE_TICKS).filter(
      (tick) => tick <= this.steps && Number.isInteger(tick),
    );
    const vertical = steps.map((tick) => {
      const x = scaledPosition(tick, this.steps, CURVE_LEFT, right);
      return textAt(x, bottom + 18, "middle", String(tick));
    });
    this.axes.replaceChildren(...horizontal, ...vertical);
  }

  /** Say the curve in words, for readers who do not see it. */
  describe() {
    this.element.setAttribute("aria-label", this.words());
  }

  /** @returns {string} */
  words() {
    if (this.points.length === 0) return `${this.title}: no step yet.`;
    const [, first] = this.points[0];
    const [step, last] = this.points[this.points.length - 1];
    const [from, to] = [this.format(first), this.format(last)];
    return `${this.title} over ${step} of ${this.steps} steps: ${from} at first, ${to} now.`;
  }
}
