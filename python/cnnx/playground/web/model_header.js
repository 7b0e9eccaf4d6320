// The header of a model file: its layers, classes and arrays, as docs/file-format.md specifies them.

/**
 * @typedef {{name: string, kind: string, inputs: string[], settings: Record<string, any>}} Node
 * @typedef {{
 *   inputShape: number[], nodes: Node[], output: string, probabilities: string,
 *   classes: string[], temperature: number,
 *   preprocessing: {resize: string, mean: number[], std: number[]},
 *   arrays: Record<string, number[]>,
 * }} ModelHeader `arrays` are the shapes of parameters and buffers
 */

/**
 * @param {Uint8Array} file bytes of a model file that cnnx wrote
 * @returns {ModelHeader}
 */
export function readModelHeader(file) {
  const size = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + size)));
  const metadata = header.__metadata__;
  const graph = JSON.parse(metadata["cnnx.graph"]);
  const numbers = (/** @type {string} */ name) => {
    const [begin, end] = header[name].data_offsets;
    const bytes = file.slice(8 + size + begin, 8 + size + end);
    return Array.from(new Float32Array(bytes.buffer));
  };
  /** @type {Node[]} */
  const nodes = graph.nodes.map((/** @type {Record<string, any>} */ node) => {
    const { name, kind, inputs, ...settings } = node;
    return { name, kind, inputs, settings };
  });
  /** @type {Record<string, number[]>} */
  const arrays = {};
  for (const [name, value] of Object.entries(header)) {
    const point = name.lastIndexOf(".");
    const node = nodes.find((each) => each.name === name.slice(0, point));
    if (!node) continue;
    // Settings that are real numbers are tensors without axes.
    if (value.shape.length) arrays[name] = value.shape;
    else node.settings[name.slice(point + 1)] = numbers(name)[0];
  }
  const { resize } = JSON.parse(metadata["cnnx.preprocessing"]);
  const [mean, std] = ["preprocessing.mean", "preprocessing.std"].map(numbers);
  return {
    inputShape: graph.input_shape,
    nodes,
    output: graph.output,
    probabilities: graph.probabilities,
    classes: JSON.parse(metadata["cnnx.classes"] ?? "[]"),
    temperature: "cnnx.temperature" in header ? numbers("cnnx.temperature")[0] : 1,
    preprocessing: { resize, mean, std },
    arrays,
  };
}

/**
 * @param {Node} node
 * @returns {string} the layer as the line of text that the C interface reads
 */
export function layerText(node) {
  const settings = Object.entries(node.settings).map(([name, value]) => `${name}=${value}`);
  return [node.kind, `name=${node.name}`, `inputs=${node.inputs}`, ...settings].join(" ");
}
