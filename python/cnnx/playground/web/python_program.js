// The Python program that trains as the page does, with the same bits.

/**
 * @typedef {import("./network.js").ModelInfo} ModelInfo
 * @typedef {import("./training_settings.js").TrainingChoices} TrainingChoices
 */

/**
 * A text as a literal of Python.
 * @param {string} text
 * @returns {string}
 */
export function pythonText(text) {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * What the program depends on in a model before its training.
 * @param {ModelInfo} info
 * @returns {{modelClasses: string[], isSigmoid: boolean, outputCount: number}}
 */
export function modelForProgram({ classes, probabilities, layers, output }) {
  const shape = layers.find(({ name }) => name === output)?.shape ?? [1];
  return {
    modelClasses: classes,
    isSigmoid: probabilities === "sigmoid",
    outputCount: shape[shape.length - 1],
  };
}

/**
 * The program for a training of some classes.
 * @param {TrainingChoices} choices
 * @param {{name: string, classes: string[], modelClasses: string[], isSigmoid: boolean,
 *   outputCount: number}} model `name` is that of its file without ".cnnx", `classes` are those to
 *   train for, the rest is the model before the training
 * @returns {string}
 */
export function pythonProgram(choices, model) {
  const { seed, start, learningRate, epochs, batchSize, shift } = choices;
  const { name, classes, modelClasses, isSigmoid, outputCount } = model;
  const isSame = JSON.stringify(classes) === JSON.stringify(modelClasses);
  const isBinary = isSigmoid && isSame;
  const targets = isBinary && outputCount > 1 ? "np.eye(len(classes))[images.y]" : "images.y";
  const lines = [
    "import cnnx",
    ...(targets === "images.y" ? [] : ["import numpy as np"]),
    "",
    `classes = [${classes.map(pythonText).join(", ")}]`,
    `model = cnnx.load(${pythonText(`${name}.cnnx`)})`,
    ...(isSame ? [] : ["model = model.with_classes(classes)"]),
    ...(start === "new" ? [`model = model.with_new_weights(seed=${seed})`] : []),
    `folder = cnnx.data.open_source(${pythonText(`${name}-images`)}, classes=classes)`,
    "images = folder.load(model.input_shape)",
    "trainer = cnnx.Trainer(",
    "    model,",
    `    optimizer=cnnx.Adam(${learningRate}),`,
    ...(isBinary ? ["    loss=cnnx.BinaryCrossEntropy(),"] : []),
    `    seed=${seed},`,
    ")",
    "trainer.fit(",
    "    images.x,",
    `    ${targets},`,
    `    epochs=${epochs},`,
    `    batch_size=${batchSize},`,
    ...(shift ? ["    augmentation=cnnx.data.Augmentation(crop_padding=2),"] : []),
    ")",
    `model.save(${pythonText(`${name}-trained.cnnx`)})`,
  ];
  return `${lines.join("\n")}\n`;
}
