// What layers do, in words for a reader who has never seen a network.

import { counted, sizeText } from "./numbers.js";

/** @typedef {import("./network_state.js").LayerInfo} LayerInfo */

/** @type {Record<string, string>} */
const TITLES = {
  conv_transpose2d: "transposed convolution",
  max_pool2d: "max pooling",
  avg_pool2d: "average pooling",
  adaptive_avg_pool2d: "average pooling",
  global_avg_pool2d: "the mean of every map",
  flatten: "the list",
  reshape: "the image of the numbers",
  batch_norm2d: "batch norm",
  group_norm: "group norm",
  layer_norm: "layer norm",
  global_response_norm: "global response norm",
  l2_norm: "L2 norm",
  rms_norm: "RMS norm",
  lrn: "local response norm",
  scale2d: "scale and shift",
  relu: "ReLU",
  relu6: "ReLU6",
  leaky_relu: "leaky ReLU",
  prelu: "PReLU",
  elu: "ELU",
  selu: "SELU",
  gelu: "GELU",
  silu: "SiLU",
  hard_swish: "hard swish",
  hard_sigmoid: "hard sigmoid",
  hard_shrink: "hard shrinkage",
  soft_shrink: "soft shrinkage",
  log_softmax: "log softmax",
  add: "sum",
  multiply: "product",
  maximum: "largest cells",
  matmul: "matrix products",
  concat: "all maps together",
  zero_pad2d: "a border of zeros",
  pad2d: "a border",
  crop2d: "maps without their border",
  upsample2d: "enlarged maps",
  channel_shuffle: "maps in another order",
  slice_channels: "some of the maps",
  depth_to_space: "maps woven into larger ones",
  space_to_depth: "maps dealt into smaller ones",
  quantize: "numbers of one byte",
  parameter: "trained numbers",
  input_part: "one of several images",
};

export const VOTE_SENTENCE =
  "Each class has one weight for every number of the list. Number times weight is a vote: for " +
  "the class where the product is positive, against it where it is negative. All votes and the " +
  "bias add up to the score of the class.";
const RELU_LIKE = "Negatives become small instead of zero: what does not match counts little.";
const GATE = "Every number is pressed into a fixed range, so that it can open or close other maps.";
const INTO_RANGE = "Every number is pressed into the range from -1 to 1.";
const FIRST_CONVOLUTION =
  "A filter is a small table of weights. Line it up with a piece of the image, multiply each " +
  "number by the weight that lies on it, and add the products. The sum is large where the piece " +
  "looks like the filter. Slide the filter over the whole image, and the sums form a map of " +
  "where it matches.";

/** @type {Record<string, string>} */
const SENTENCES = {
  conv_transpose2d:
    "Every cell is multiplied by a whole filter, and the products are added into larger maps. " +
    "This page does not spell out single cells of it.",
  max_pool2d: "Max pooling keeps the largest number of each window, wherever in it that lies.",
  avg_pool2d: "Average pooling replaces each window by its mean.",
  adaptive_avg_pool2d: "Average pooling replaces each part of a map by its mean.",
  global_avg_pool2d:
    "Every map becomes one number, its mean: how much of the pattern there is anywhere in the " +
    "image. The numbers form a list.",
  flatten: "All cells of all maps are written one after the other: a list of numbers.",
  reshape: "The same numbers in the same order, written as maps of another size.",
  batch_norm2d:
    "Batch norm moves and stretches every map by numbers from training, so that maps have " +
    "comparable sizes.",
  group_norm: "Group norm moves and stretches groups of maps to mean 0 and deviation 1.",
  layer_norm: "Layer norm moves and stretches the numbers of a place to mean 0, deviation 1.",
  global_response_norm: "Maps that are strong in the whole image grow, the others shrink.",
  l2_norm: "The numbers of a place are divided by their norm: their squares add up to 1.",
  rms_norm: "RMS norm stretches the numbers of a place so that the mean of their squares is 1.",
  lrn: "Numbers with strong neighbours in the maps beside them become smaller.",
  scale2d: "Every map is multiplied by a number, and another one is added.",
  relu: "ReLU sets negatives to zero: what does not match is dropped.",
  relu6: "ReLU6 sets negatives to zero and cuts at 6: what does not match is dropped.",
  leaky_relu: RELU_LIKE,
  prelu: RELU_LIKE,
  elu: RELU_LIKE,
  selu: RELU_LIKE,
  gelu: RELU_LIKE,
  silu: RELU_LIKE,
  mish: RELU_LIKE,
  hard_swish: RELU_LIKE,
  softplus: "Negatives become nearly zero.",
  clip: "Every number is cut at a smallest and a largest one.",
  sigmoid: GATE,
  hard_sigmoid: GATE,
  tanh: INTO_RANGE,
  hard_shrink: "Numbers near 0 become 0, the others stay.",
  soft_shrink: "Numbers near 0 become 0, the others move towards 0.",
  reciprocal: "Every number is divided into 1.",
  softsign: INTO_RANGE,
  softmax: "All numbers become positive and add up to 1.",
  log_softmax: "The logarithms of positive numbers that add up to 1.",
  dropout: "Dropout works in training only. Here it changes nothing.",
  add: "The maps are added cell by cell.",
  multiply: "The maps are multiplied cell by cell: one says how much of the other remains.",
  maximum: "Each cell is the largest of the cells at its place.",
  matmul: "In every row each list of one array is multiplied with each list of the other.",
  concat: "The maps are laid side by side, and the next layer reads all of them.",
  zero_pad2d: "The maps get a border of zeros.",
  pad2d: "The maps get a border that repeats or mirrors their edge.",
  crop2d: "The maps lose outer rows and columns.",
  upsample2d: "The maps are enlarged.",
  channel_shuffle: "The maps change their order, so that groups of filters meet other maps.",
  slice_channels: "Some of the maps go on, the others do not.",
  depth_to_space: "The cells of several small maps are woven into one large map.",
  space_to_depth: "The cells of one large map are dealt to several small maps.",
  quantize: "Every number is rounded to the nearest of 256, so that one byte holds it.",
  parameter: "These numbers come from training and are the same for every image.",
  input_part: "The numbers of the input form several images. This is one of them.",
};

/**
 * A few words for a heading.
 * @param {LayerInfo} layer
 * @returns {string}
 */
export function titleOf(layer) {
  const count = layer.shape[layer.shape.length - 1];
  const plural = count === 1 ? "" : "s";
  if (layer.kind === "conv2d") {
    const [height, width] = layer.settings.kernel_size;
    const isDepthwise = layer.settings.groups > 1 && layer.settings.groups === count;
    const perMap = isDepthwise ? ", one per map" : "";
    return `${counted(count)} filter${plural} of ${sizeText(height, width)}${perMap}`;
  }
  if (layer.kind === "dense") return `dense layer of ${counted(count)} number${plural}`;
  return TITLES[layer.kind] ?? layer.kind;
}

/**
 * One or two sentences, or an empty text.
 * @param {LayerInfo} layer
 * @param {number} maps number of maps or entries that it reads
 * @param {boolean} isFirst whether it is the first convolution of the network
 * @returns {string}
 */
export function sentenceOf(layer, maps, isFirst) {
  if (layer.kind === "conv2d")
    return isFirst ? FIRST_CONVOLUTION : convolutionSentence(layer, maps);
  if (layer.kind === "dense") {
    return (
      "Every new number has one weight for each number of the list. Number times weight, all of " +
      "them added: a vote of the whole list."
    );
  }
  return SENTENCES[layer.kind] ?? "";
}

/**
 * @param {LayerInfo} layer
 * @param {number} maps
 * @returns {string}
 */
function convolutionSentence(layer, maps) {
  const { groups, kernel_size: size } = layer.settings;
  if (groups === maps && groups > 1) {
    return "The same again, with a filter for each map alone (a depthwise convolution).";
  }
  if (groups > 1) {
    return `The same again. The maps are in ${groups} groups, each with filters of its own.`;
  }
  if (size[0] === 1 && size[1] === 1) {
    return (
      "Each filter has one weight per map. It mixes the maps at every place and does not read " +
      "neighbours."
    );
  }
  return (
    `The same again on ${counted(maps)} map${maps === 1 ? "" : "s"} at once: each filter has a ` +
    "table of weights for every map, and all products are added. It matches patterns of the " +
    "patterns before."
  );
}
