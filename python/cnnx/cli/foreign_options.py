"""Options of other training programs, and what they are called here."""

from __future__ import annotations

_BY_OPTION = {
    "--augment": ("--augmentation", "--augmentations", "--transform", "--transforms"),
    "--batch-size": ("--batchsize", "--bs", "--train-batch-size", "-b"),
    "--checkpoint": ("--ckpt", "--save-checkpoint"),
    "--class-weights": ("--balance", "--balanced", "--weighted"),
    "--classes": ("--class-names", "--labels", "--names"),
    "--epochs": ("--max-epochs", "--n-epochs", "--nb-epochs", "--num-epochs", "-e"),
    "--freeze": ("--freeze-layers", "--frozen"),
    "--from": ("--base", "--base-model", "--finetune", "--fine-tune", "--pretrained", "--transfer"),
    "--init": (*("--initial-weights", "--load", "--load-model", "--warm-start", "--weights"),),
    "--json": ("--format", "--output-format"),
    "--keep-best": ("--best", "--restore-best", "--restore-best-weights", "--save-best"),
    "--learning-rate": ("--alpha", "--base-lr", "--eta", "--initial-lr", "--lr", "--lr0"),
    "--log": ("--csv", "--history", "--log-file", "--logfile"),
    "--mean": ("--normalise", "--normalize"),
    "--model": ("--arch", "--architecture", "--backbone", "--net", "--network", "-m"),
    "--optimizer": ("--optim", "--optimiser", "--solver"),
    "--opset": ("--onnx-opset", "--opset-version"),
    "--out": (
        *("--export", "--output", "--output-dir", "--out-dir", "--outdir", "--save"),
        *("--save-dir", "--save-model", "--save-path", "-o"),
    ),
    "--overwrite": ("--exist-ok", "--force", "--yes", "-f", "-y"),
    "--patience": ("--early-stop", "--early-stopping", "--early-stopping-patience"),
    "--resume": ("--continue", "--load-checkpoint", "--restore"),
    "--recompute": ("--grad-checkpointing", "--gradient-checkpointing"),
    "--schedule": ("--lr-policy", "--lr-schedule", "--lr-scheduler", "--sched", "--scheduler"),
    "--seed": ("--manual-seed", "--random-seed", "--random-state", "--rng"),
    "--size": (
        *("--crop-size", "--image-size", "--img-size", "--imgsz", "--input-shape"),
        *("--input-size", "--resize", "--resolution"),
    ),
    "--skip-unreadable": ("--ignore-errors", "--skip-errors"),
    "--std": ("--stddev", "--deviation"),
    "--threads": (
        *("--cpus", "--jobs", "--n-jobs", "--n-threads", "--nproc", "--nthreads"),
        *("--num-threads", "--num-workers", "--workers", "-j"),
    ),
    "--top": ("--top-k", "--topk", "-k"),
    "--validation": (
        *("--holdout", "--val-fraction", "--val-split", "--valid", "--validation-fraction"),
        *("--validation-split",),
    ),
}
# Option here, by the spelling of another program.
SPELLINGS = {foreign: option for option, others in _BY_OPTION.items() for foreign in others}

# Spellings whose value means something else here, such as a folder instead of a file.
WITHOUT_VALUE = frozenset(
    {
        *("--balance", "--balanced", "--best", "--early-stop", "--early-stopping", "--format"),
        *("--normalise", "--normalize", "--out-dir", "--outdir", "--output-dir", "--pretrained"),
        *("--input-shape", "--save-dir"),
    }
)

# Spellings of arguments that need no option here.
PLACES = {
    **dict.fromkeys(("--data", "--data-dir", "--data-path", "--dataset", "--path"), "PATH"),
    **dict.fromkeys(("--input", "--train", "--train-dir", "-i"), "PATH"),
    **dict.fromkeys(("--file", "--image", "--images", "--img", "--source"), "IMAGE"),
    **dict.fromkeys(("--load", "--load-model", "--model", "--weights", "-m"), "MODEL"),
}

_CPU_ONLY = "cnnx computes on the CPU, so leave it out"

# Options without an equal here, and the reason.
EXPLANATIONS = {
    **dict.fromkeys(("--accelerator", "--cuda", "--device", "--gpu", "--gpus"), _CPU_ONLY),
    "--classes": "the names of the subfolders are the classes",
    "--num-classes": "the number of classes is that of the images",
    **dict.fromkeys(
        (
            *("--accumulate-grad-batches", "--accum-iter", "--grad-accum-steps"),
            "--gradient-accumulation-steps",
        ),
        "--shards N computes the gradients of --batch-size images in N parts",
    ),
    "--dropout": "write a network with cnnx.Dropout and give it as --model FILE.py:function",
    "--label-smoothing": "from Python: cnnx.Trainer(model, loss=cnnx.CrossEntropy(label_smoothing="
    "0.1))",
    "--momentum": "from Python: cnnx.Trainer(model, optimizer=cnnx.SGD(0.05, momentum=0.8))",
    "--weight-decay": "from Python: cnnx.Trainer(model, optimizer=cnnx.AdamW(0.001, "
    "weight_decay=0.01))",
    "--wd": "from Python: cnnx.Trainer(model, optimizer=cnnx.AdamW(0.001, weight_decay=0.01))",
}
