"""Results of the scripts of examples/python: lines of their output, and a figure."""

from __future__ import annotations

import re
from pathlib import Path

PERCENT = r"([\d.]+)%"
# Of each script: the packages that it needs, and lines of its output with the range of a number.
EXPECTED: dict[str, tuple[tuple[str, ...], dict[str, tuple[float, float]]]] = {
    "filter_by_hand": (
        (),
        {
            r"their sum: (\d+)": (9, 9),
            r"largest difference from conv2d: (\S+)": (0, 0),
            r"X: (\d+) positions with 9": (4, 4),
            r"O: (\d+) positions with 9": (2, 2),
        },
    ),
    "feature_maps": (
        (),
        {
            rf"test accuracy: {PERCENT}": (97, 100),
            r"max_pool2d_2: \(8, 8, (\d+)\)": (32, 32),
            r"largest difference of the outputs: (\S+)": (0, 1e-5),
        },
    ),
    "own_images": (("PIL",), {rf"accuracy on held-out images: {PERCENT}": (90, 100)}),
    "learning_rate": (
        (),
        {
            r"suggested learning rate: (\S+)": (0.001, 0.01),
            rf"suggestion / 100: test accuracy {PERCENT}": (50, 85),
            rf"suggestion: test accuracy {PERCENT}": (90, 100),
            rf"suggestion x 30: test accuracy {PERCENT}": (45, 55),
        },
    ),
    "schedules": (
        (),
        {
            rf"constant: {PERCENT}": (85, 93),
            rf"CosineDecay: {PERCENT}": (94, 98),
            rf"OneCycle: {PERCENT}": (94, 98),
        },
    ),
    "callbacks": (
        (),
        {
            r"stopped after (\d+) of 60 epochs": (5, 59),
            rf"validation accuracy: {PERCENT}": (80, 100),
            r"(\d+) lines in log.csv": (5, 59),
        },
    ),
    "augmentation": (
        (),
        {
            rf"original images: {PERCENT}": (80, 91),
            rf"augmented images: {PERCENT}": (92, 100),
        },
    ),
    "class_imbalance": (
        (),
        {
            rf"equal weights: 100% of X found, {PERCENT} of O": (0, 30),
            rf"balanced: \d+% of X found, {PERCENT} of O": (60, 100),
        },
    ),
    "batches_from_a_generator": (
        (),
        {rf"new images: {PERCENT}": (96.5, 100), rf"fixed images: {PERCENT}": (85, 96)},
    ),
    "custom_loop": (
        (),
        {
            r"steps: (\d+)": (192, 192),
            rf"test accuracy: {PERCENT}": (90, 98),
            r"largest difference of the gradients: (\S+)": (0, 1e-6),
        },
    ),
    "resume": (
        (),
        {
            r"power cut after (\d) epochs": (3, 3),
            r"epochs of the resumed run: (\d+)": (8, 8),
            r"arrays of weights with equal bits: (\d) of 8": (8, 8),
            r"largest difference of losses: (\S+)": (0, 0),
        },
    ),
    "same_bits": (
        (),
        {
            r"different sums: (\d) of 8": (3, 8),
            r"different weights of four trainings: (\d)": (1, 1),
        },
    ),
    "weight_average": (
        (),
        {
            rf"trained weights: mean of ten epochs {PERCENT}": (90, 94),
            rf"their average: mean of ten epochs {PERCENT}": (94.5, 98),
            rf"averaged model: {PERCENT}": (92.5, 98),
        },
    ),
    "residual_network": (
        (),
        {rf"plain: {PERCENT}": (45, 60), rf"residual: {PERCENT}": (95, 100)},
    ),
    "explain": (
        (),
        {
            rf"test accuracy: {PERCENT}": (95, 100),
            r"X: attributions add up to ([\d.]+)": (2.2, 2.4),
            r"X: .* the outputs differ by ([\d.]+)": (2.2, 2.4),
            r"O: attributions add up to ([\d.]+)": (6.5, 6.8),
            r"O: .* the outputs differ by ([\d.]+)": (6.5, 6.8),
        },
    ),
    "adversarial": (
        (),
        {
            rf"sign of the gradient, step of 16 / 255: {PERCENT}": (0, 60),
            rf"random sign, step of 16 / 255: {PERCENT}": (96, 100),
            rf"unchanged: {PERCENT}": (97, 100),
        },
    ),
    "confusion_matrix": (
        ("sklearn",),
        {
            rf"accuracy: {PERCENT}": (94, 98),
            r"(\d+) images of 1 predicted as 9": (3, 20),
        },
    ),
    "calibration": (
        (),
        {
            r"temperature: (\S+)": (1.5, 3),
            rf"before: accuracy [\d.]+%, calibration error {PERCENT}": (2.5, 5),
            rf"after: accuracy [\d.]+%, calibration error {PERCENT}": (0, 1.6),
        },
    ),
    "quantization": (
        (),
        {
            r"(\d+) of 4 convolutions and dense layers in int8": (4, 4),
            rf"int8: \d+,\d+ bytes, test accuracy {PERCENT}": (94, 100),
            rf"same class: {PERCENT}": (99, 100),
        },
    ),
    "wrong_labels": (
        (),
        {
            r"among the first 20 suspects: (\d+)": (18, 20),
            r"suspects: (\d+) of 40": (30, 40),
        },
    ),
    "fine_tune": (
        ("PIL",),
        {rf"random weights: {PERCENT}": (50, 80), rf"fine-tuned: {PERCENT}": (80, 100)},
    ),
    "multi_label": ((), {rf"both labels correct: {PERCENT}": (85, 100)}),
    "regression": (
        (),
        {
            r"mean distance: (\S+) pixels": (0, 1.3),
            r"of the middle: (\S+) pixels": (8, 10),
        },
    ),
    "denoising": (
        (),
        {
            r"noisy: (\S+) dB": (13.5, 14.5),
            r"mean of 3 x 3 pixels: (\S+) dB": (17.5, 18.7),
            r"denoised: (\S+) dB": (20, 23),
        },
    ),
    "scikit_learn": (
        ("sklearn",),
        {rf"logistic regression: {PERCENT}": (90, 95), rf"CNNClassifier: {PERCENT}": (95, 100)},
    ),
    "onnx_file": (
        ("onnx",),
        {
            rf"equal names: {PERCENT}": (100, 100),
            r"largest difference of probabilities: (\S+)": (0, 1e-5),
            rf"equal bits: {PERCENT}": (100, 100),
        },
    ),
}


def check_results(name: str, output: str, figure: Path) -> None:
    """Whether a script printed its lines with numbers in their ranges, and drew a small figure."""
    _, lines = EXPECTED[name]
    for pattern, (least, most) in lines.items():
        found = re.search(rf"(?:^|\s){pattern}", output)
        assert found, output
        assert least <= float(found[1]) <= most, output
    content = figure.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 60_000
