// The header of a model file: its layers, classes and arrays, as docs/file-format.md specifies them.

/**
 * @typedef {{name: string, kind: string, inputs: string[], settings: Record<string, any>}} Node
 * @typedef {{
 *   inputShape: number[], nodes: Node[], output: string, probabilities: string,
 *   classes: string[], preprocessing: Record<string, any>, arrays: Record<string, number[]>,
 * }} ModelHeader
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
  /** @type {Record<string, number[]>} */
  const arrays = {};
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") arrays[name] = value.shape;
  }
  return {
    inputShape: graph.input_shape,
    nodes: graph.nodes.map((/** @type {Record<string, any>} */ node) => {
      const { name, kind, inputs, ...settings } = node;
      return { name, kind, inputs, settings };
    }),
    output: graph.output,
    probabilities: graph.probabilities,
    classes: JSON.parse(metadata["cnnx.classes"] ?? "[]"),
    preprocessing: JSON.parse(metadata["cnnx.preprocessing"] ?? "{}"),
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
