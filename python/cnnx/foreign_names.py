"""Names that other libraries use, and the names that cnnx has for them."""

from __future__ import annotations

# Keyword -> keywords of cnnx; the first one that the function has is suggested, with the value of
# the call unless it has one of its own.
KEYWORDS: dict[str, tuple[str, ...]] = {
    "alpha": ("negative_slope", "mixup"),
    "batch": ("batch_size",),
    "beta_1": ("betas",),
    "beta_2": ("betas",),
    "class_weight": ("class_weights",),
    "decay": ("weight_decay",),
    "dilation_rate": ("dilation",),
    "eps": ("epsilon",),
    "filters": ("out_channels",),
    "gamma": ("factor",),
    "gradient_clip_val": ("clip_norm",),
    "lr": ("learning_rate",),
    "max_epochs": ("epochs",),
    "max_iter": ("epochs",),
    "max_norm": ("clip_norm",),
    "milestones": ("at",),
    "min_delta": ("least", "threshold"),
    "min_lr": ("minimum",),
    "monitor": ("watch",),
    "nb_epoch": ("epochs",),
    "num_channels": ("out_channels",),
    "num_classes": ("classes",),
    "num_epochs": ("epochs",),
    "num_groups": ("groups",),
    "p": ("rate",),
    "pool_size": ("kernel_size",),
    "random_state": ("seed",),
    "restore_best_weights": ("restore_best",),
    "rho": ("alpha",),
    "sample_weights": ("sample_weight",),
    "step_size": ("every",),
    "strides": ("stride",),
    "units": ("out_features",),
    "upscale_factor": ("block_size",),
    "use_bias": ("bias",),
    "validation_data": ("validation=(x, y)",),
    "validation_split": ("validation",),
    "verbose": ("progress=print, or nothing for silence",),
    "weight": ("class_weights", "sample_weight"),
    "weights": ("sample_weight",),
}

# Keyword without a counterpart -> what to write instead.
REMEDIES: dict[str, str] = {
    "activation": "a layer of its own after it, such as ReLU()",
    "class_weight": "Trainer(model, loss=cnnx.CrossEntropy(class_weights=...)), or "
    "CrossEntropy.balanced(y)",
    "batch_size": "nothing: cnnx splits large batches",
    "clipnorm": "Trainer(model, clip_norm=...)",
    "device": "nothing: cnnx runs on the CPU",
    "from_logits": "nothing: the outputs are logits",
    "in_channels": "nothing: the model infers in_channels",
    "in_features": "nothing: the model infers in_features",
    "inplace": "nothing: activations run in place by themselves",
    "initial_epoch": "nothing: fit(x, y) resumes an interrupted run",
    "input_dim": "Model([...], input_shape=(height, width, channels))",
    "input_shape": "Model([...], input_shape=(height, width, channels))",
    "learning_rate": "an optimizer, such as optimizer=cnnx.Adam(0.001)",
    "loss": "Trainer(model, loss=cnnx.CrossEntropy())",
    "metrics": "nothing: the history has loss and accuracy",
    "momentum": "an optimizer, such as optimizer=cnnx.SGD(0.1, momentum=0.9)",
    "num_features": "nothing: the model infers the channels",
    "num_workers": "nothing: all threads prepare batches: cnnx.set_num_threads(n)",
    "optimizer": "Trainer(model, optimizer=cnnx.Adam())",
    "reduction": "nothing: the loss is the mean over images, weighted by sample_weight of fit",
    "sample_weight": "Trainer(model).fit(x, y, sample_weight=...)",
    "steps_per_epoch": "batch_size=",
    "verbose": "nothing: only fit reports progress",
    "weighted_metrics": "nothing: sample_weight weights loss and accuracy",
    "workers": "nothing: all threads prepare batches: cnnx.set_num_threads(n)",
}

# What a function says to surplus positional arguments, after "expected nothing there; ", with all
# arguments in place of {layers}.
POSITIONAL: dict[str, str] = {
    "BatchNorm2d": "the model infers the channels",
    "Conv2d": "the model infers in_channels, and stride and the rest go by name",
    "ConvTranspose2d": "the model infers in_channels, and stride and the rest go by name",
    "Dense": "the model infers in_features",
    "GroupNorm": "the channels are learned from x",
    "LayerNorm": "the model infers the channels",
    "Model": "the layers go in one list: Model([{layers}], input_shape=...)",
    "Parallel": "the branches go in one list: Parallel([{layers}])",
    "Residual": "the layers of the body go in one list: Residual([{layers}])",
    "fit": "the rest go by name: fit(x, y, epochs=10, batch_size=64)",
}

# Calls that a function suggests when an argument is missing.
EXAMPLES: dict[str, str] = {
    "Conv2d": "Conv2d(32, 3)",
    "Dense": "Dense(10)",
    "Layer": "a layer such as Conv2d(32, 3)",
    "Model": "Model([...], input_shape=(height, width, channels))",
    "SGD": "SGD(0.01)",
    "Trainer": "Trainer(model)",
    "fit": "fit(x, y, epochs=10)",
    "load_into": "load_into(model, 'weights.pth')",
}

# Attribute of the module -> expression.
MODULE: dict[str, str] = {
    "Activation": "cnnx.ReLU or another activation",
    "AveragePooling2D": "cnnx.AvgPool2d",
    "BCELoss": "cnnx.BinaryCrossEntropy",
    "BCEWithLogitsLoss": "cnnx.BinaryCrossEntropy",
    "BatchNormalization": "cnnx.BatchNorm2d",
    "BinaryCrossentropy": "cnnx.BinaryCrossEntropy",
    "CSVLogger": "cnnx.callbacks.CSVLog",
    "CategoricalCrossentropy": "cnnx.CrossEntropy",
    "Concatenate": "cnnx.Concat",
    "Conv2DTranspose": "cnnx.ConvTranspose2d",
    "CosineAnnealingLR": "cnnx.CosineDecay",
    "CrossEntropyLoss": "cnnx.CrossEntropy",
    "DataLoader": "cnnx.data.load, or arrays",
    "DepthwiseConv2D": "cnnx.Conv2d(channels, 3, groups=channels)",
    "GlobalAveragePooling2D": "cnnx.GlobalAvgPool2d",
    "HuberLoss": "cnnx.Huber",
    "L1Loss": "cnnx.L1",
    "Linear": "cnnx.Dense",
    "MSELoss": "cnnx.MSE",
    "MaxPooling2D": "cnnx.MaxPool2d",
    "MeanAbsoluteError": "cnnx.L1",
    "MeanSquaredError": "cnnx.MSE",
    "ModelCheckpoint": "cnnx.callbacks.BestModel",
    "Module": "cnnx.Model([...], input_shape=...)",
    "OneCycleLR": "cnnx.OneCycle",
    "PixelShuffle": 'cnnx.DepthToSpace(block_size, mode="CRD")',
    "PixelUnshuffle": 'cnnx.SpaceToDepth(block_size, mode="CRD")',
    "ReduceLROnPlateau": "cnnx.Plateau",
    "ReflectionPad2d": "cnnx.Pad2d",
    "ReplicationPad2d": 'cnnx.Pad2d(padding, mode="edge")',
    "Sequential": "cnnx.Model([...], input_shape=...)",
    "SmoothL1Loss": "cnnx.Huber",
    "SparseCategoricalCrossentropy": "cnnx.CrossEntropy",
    "StepLR": "cnnx.StepDecay",
    "Swish": "cnnx.SiLU",
    "TensorBoard": "cnnx.callbacks.TensorBoardLog",
    "UpSampling2D": "cnnx.Upsample2d",
    "WeightedRandomSampler": "cnnx.Trainer(model).fit(x, y, sample_weight=...)",
    "ZeroPadding2D": "cnnx.ZeroPad2d",
    "add": "cnnx.Add",
    "compute_class_weight": "cnnx.CrossEntropy.balanced(y)",
    "load_model": "cnnx.load",
    "nn": "cnnx itself, such as cnnx.Conv2d",
    "optim": "cnnx itself, such as cnnx.Adam",
    "read_csv": "cnnx.data.load",
}

# Class -> attribute -> expression.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "History": {
        "epoch": "len(history)",
        "history": "history.loss, history.accuracy and so on",
        "val_accuracy": "validation_accuracy",
        "val_loss": "validation_loss",
    },
    "Layer": {
        "bias": "model.parameters, once a model is built",
        "weight": "model.parameters, once a model is built",
        "weights": "model.parameters, once a model is built",
    },
    "Model": {
        "add": "cnnx.Model([...], input_shape=...)",
        "compile": "cnnx.Trainer(model, optimizer=cnnx.Adam(), loss=cnnx.CrossEntropy())",
        "eval": "nothing: predict and evaluate run in inference form",
        "evaluate": "cnnx.Trainer(model).evaluate(x, y)",
        "fit": "cnnx.Trainer(model).fit(x, y, epochs=10)",
        "forward": "model(x)",
        "get_weights": "model.parameters",
        "load_state_dict": "cnnx.weights.load_into(model, path)",
        "load_weights": "cnnx.weights.load_into(model, path)",
        "save_weights": "model.save(path)",
        "set_weights": "model.parameters[name] = array",
        "state_dict": "model.parameters",
        "to": "nothing: cnnx runs on the CPU",
        "train": "cnnx.Trainer(model).fit(x, y, epochs=10)",
        "trainable": 'model.freeze("*"), or a pattern such as "conv*"',
        "weights": "model.parameters",
    },
    "ModelLayer": {
        "bias": 'model.parameters[layer.name + ".bias"]',
        "weight": 'model.parameters[layer.name + ".weight"]',
        "weights": 'model.parameters[layer.name + ".weight"]',
    },
    "Recipe": {
        "step": "trainer.step(x, y)",
        "zero_grad": "nothing: every step computes its gradients anew",
    },
    "Trainer": {
        "predict": "trainer.model.predict(x)",
        "save": "trainer.model.save(path), or fit(..., checkpoint=path)",
        "train": "fit",
    },
}

# Class -> attribute that cannot be assigned -> what to write instead.
READ_ONLY: dict[str, dict[str, str]] = {
    "Model": {
        "buffers": "model.buffers[name] = array",
        "classes": "cnnx.Model(model.layers, input_shape=model.input_shape, classes=[...])",
        "layers": "cnnx.Model([*model.layers[:-1], ...], input_shape=model.input_shape)",
        "parameters": "model.parameters[name] = array",
        "preprocessing": "model.with_preprocessing(...)",
    },
    "ModelLayer": {"name": "the name of a layer in cnnx.Model([...])"},
    "Trainer": {
        "gradients": "trainer.gradients[:] = array",
        "model": "a trainer of its own: cnnx.Trainer(model)",
    },
}

# Text for a setting -> the object that is meant, by argument.
OBJECTS: dict[str, dict[str, str]] = {
    "optimizer": {
        "adam": "cnnx.Adam()",
        "adamw": "cnnx.AdamW()",
        "muon": "cnnx.Muon()",
        "rmsprop": "cnnx.RMSprop()",
        "sgd": "cnnx.SGD(0.01)",
    },
    "loss": {
        "bce": "cnnx.BinaryCrossEntropy()",
        "binary_crossentropy": "cnnx.BinaryCrossEntropy()",
        "categorical_crossentropy": "cnnx.CrossEntropy()",
        "cross_entropy": "cnnx.CrossEntropy()",
        "crossentropy": "cnnx.CrossEntropy()",
        "huber": "cnnx.Huber()",
        "l1": "cnnx.L1()",
        "mae": "cnnx.L1()",
        "mean_absolute_error": "cnnx.L1()",
        "mean_squared_error": "cnnx.MSE()",
        "mse": "cnnx.MSE()",
        "sparse_categorical_crossentropy": "cnnx.CrossEntropy()",
    },
    "schedule": {
        "cosine": "cnnx.CosineDecay()",
        "onecycle": "cnnx.OneCycle()",
        "plateau": "cnnx.Plateau()",
        "step": "cnnx.StepDecay(every=30)",
    },
}
