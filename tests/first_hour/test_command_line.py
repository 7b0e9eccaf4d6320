"""Command lines that a newcomer types, and the sentence that each prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable

import pytest
from cnnx import cli
from command_line import PROGRAM
from first_hour import Case, check, every

pytest.importorskip("PIL", reason="needs Pillow: install the extra cli")

USAGE = 2


class RefusedError(Exception):
    """Command line with another exit status than 0; the text is its last line on stderr."""


class UsageError(RefusedError):
    """Command line that is no valid one."""


class CautionError(Exception):
    """Command line that did its work with a warning."""


def typed(line: str) -> Callable[..., str]:
    """A call that runs a command line of words without spaces, and returns its output."""

    def run(*more: str) -> str:
        with (
            contextlib.redirect_stderr(io.StringIO()) as errors,
            contextlib.redirect_stdout(io.StringIO()) as output,
        ):
            status = cli.main([*line.split()[1:], *more])
        lines = errors.getvalue().splitlines()
        if status != 0:
            raise (UsageError if status == USAGE else RefusedError)(lines[-1])
        cautions = [each for each in lines if ": warning: " in each]
        if cautions:  # those on the images come first
            raise CautionError(cautions[-1])
        return output.getvalue()

    return run


def refused(line: str, sentence: str | re.Pattern[str]) -> Case:
    return Case(line, typed(line), RefusedError, sentence)


def misused(line: str, sentence: str) -> Case:
    return Case(line, typed(line), UsageError, sentence)


def warned(line: str, sentence: str | re.Pattern[str]) -> Case:
    return Case(line, typed(line), CautionError, sentence)


def accepted(line: str) -> Case:
    return Case(line, typed(line), None)


MISUSED = [
    misused("cnnx tran pets", "cnnx: tran is no command; type cnnx train"),
    misused("cnnx fit pets", "cnnx: fit is no command; cnnx --help lists them"),
    misused("cnnx help", "cnnx: help is no command; type cnnx --help"),
    Case(
        "cnnx predict model.cnnx ''",
        lambda: typed("cnnx predict model.cnnx")(""),
        UsageError,
        "cnnx predict: an argument is empty; set the shell variable that it is from",
    ),
    misused("cnnx --lr 1 train", "cnnx: --lr is unknown; cnnx --help lists the options"),
    misused("cnnx train", "cnnx train: PATH is missing; type cnnx train PATH"),
    misused(
        "cnnx predict", "cnnx predict: MODEL and IMAGE are missing; type cnnx predict MODEL IMAGE"
    ),
    misused(
        "cnnx train my pets",
        "cnnx train: pets is one argument too many, expected cnnx train PATH; put quotes around a "
        "path with spaces",
    ),
    *(
        misused(f"cnnx train pets {foreign}", f"cnnx train: {name} is unknown; type {own}")
        for foreign, name, own in (
            ("--lr 0.1", "--lr", "--learning-rate 0.1"),
            ("--lr=0.1", "--lr", "--learning-rate 0.1"),
            ("--lr", "--lr", "--learning-rate RATE"),
            ("-lr 0.1", "-lr", "--learning-rate 0.1"),
            ("--batch_size 8", "--batch_size", "--batch-size 8"),
            ("--bs 8", "--bs", "--batch-size 8"),
            ("--num-epochs 3", "--num-epochs", "--epochs 3"),
            ("--num_epochs 3", "--num_epochs", "--epochs 3"),
            ("--epohcs 3", "--epohcs", "--epochs 3"),
            ("-e 3", "-e", "--epochs 3"),
            ("--output m.cnnx", "--output", "--out m.cnnx"),
            ("-o m.cnnx", "-o", "--out m.cnnx"),
            ("--output-dir runs", "--output-dir", "--out FILE"),
            ("--val-split 0.2", "--val-split", "--validation 0.2"),
            ("--workers 4", "--workers", "--threads 4"),
            ("--num-workers 4", "--num-workers", "--threads 4"),
            ("--arch resnet20", "--arch", "--model resnet20"),
            ("--imgsz 64", "--imgsz", "--size 64"),
            ("--scheduler cosine", "--scheduler", "--schedule cosine"),
            ("--optimiser sgd", "--optimiser", "--optimizer sgd"),
            ("--augmentation flip", "--augmentation", "--augment flip"),
            ("--early-stopping", "--early-stopping", "--patience N"),
            ("--weights m.cnnx", "--weights", "--init m.cnnx"),
            ("--force", "--force", "--overwrite"),
            ("--learning-rates 0.1", "--learning-rates", "--learning-rate 0.1"),
        )
    ),
    misused(
        "cnnx train pets --gpu 0",
        "cnnx train: --gpu is unknown: cnnx computes on the CPU, so leave it out",
    ),
    misused(
        "cnnx train --data pets",
        "cnnx train: --data is unknown; PATH needs no option: type cnnx train pets",
    ),
    misused(
        "cnnx predict --model model.cnnx pets",
        "cnnx predict: --model is unknown; MODEL needs no option: type cnnx predict model.cnnx "
        "IMAGE",
    ),
    misused(
        "cnnx evaluate --weights model.cnnx",
        "cnnx evaluate: --weights is unknown; MODEL needs no option: type cnnx evaluate model.cnnx "
        "PATH",
    ),
    misused(
        "cnnx train pets --nonsense",
        "cnnx train: --nonsense is unknown; cnnx train --help lists the options",
    ),
    misused(
        "cnnx lr-find pets --epochs 3",
        "cnnx lr-find: --epochs is an option of cnnx train, not of cnnx lr-find",
    ),
    misused(
        "cnnx lr-find pets --lr 0.1",
        "cnnx lr-find: --learning-rate is an option of cnnx train, not of cnnx lr-find",
    ),
    misused("cnnx predict m i --topk 3", "cnnx predict: --topk is unknown; type --top 3"),
    misused(
        "cnnx train pets --l 3",
        "cnnx train: --l is short for --learning-rate or --log; type one of them in full",
    ),
    misused("cnnx train pets --epochs", "cnnx train: --epochs has no value; type --epochs N"),
    misused(
        "cnnx train pets --optimizer",
        "cnnx train: --optimizer has no value; type --optimizer adam, adamw, muon, rmsprop or sgd",
    ),
    misused(
        "cnnx train pets --overwrite=yes",
        "cnnx train: --overwrite takes no value; type --overwrite",
    ),
    *(
        misused(f"cnnx train pets {option} {value}", f"cnnx train: {option} is {value}, {expected}")
        for option, value, expected in (
            ("--epochs", "0", "expected an integer >= 1"),
            ("--epochs", "many", "expected an integer >= 1"),
            ("--size", "64x", "expected SIDE or HEIGHTxWIDTH, such as 64 or 48x64"),
            ("--validation", "20", "expected a fraction from 0 to below 1, such as 0.1"),
            ("--mixup", "5", "expected a number above 0 and at most 4, such as 0.2"),
            ("--learning-rate", "nan", "expected a finite number above 0, such as 0.001"),
            ("--optimizer", "best", "expected adam, adamw, muon, rmsprop or sgd"),
            (
                "--class-weights",
                "0,0",
                "expected balanced, or one number >= 0 per class, such as 1,2.5",
            ),
        )
    ),
]

FILES = [
    refused("cnnx train pets --out -", "cnnx train: --out - is no file; type --out model.cnnx"),
    refused("cnnx train pets --log -", "cnnx train: --log - is no file; type --log log.csv"),
    *(
        refused(
            f"cnnx train pets {option} {name}.{extension}",
            f"cnnx train: {option} {name}.{extension} has the extension of {program}, but cnnx "
            f"writes its own format; type {option} {own}",
        )
        for option, name, extension, program, own in (
            ("--out", "x", "onnx", "ONNX", "x.cnnx"),
            ("--out", "x", "pt", "PyTorch", "x.cnnx"),
            ("--out", "x", "h5", "Keras", "x.cnnx"),
            ("--checkpoint", "x", "pth", "PyTorch", "x.ckpt"),
        )
    ),
    refused(
        "cnnx train pets --out q --checkpoint q",
        "cnnx train: --checkpoint q and --out q are the same file; type --checkpoint q.ckpt",
    ),
    refused(
        "cnnx train pets --out q --log pets/../q",
        "cnnx train: --log pets/../q and --out q are the same file; type --log pets/../q.csv",
    ),
    refused(
        "cnnx train pets --checkpoint run --log link.csv",
        "cnnx train: --log link.csv and --checkpoint run are the same file; type --log log.csv",
    ),
    refused(
        "cnnx train pets --resume run.ckpt --out run.ckpt --overwrite",
        "cnnx train: --out run.ckpt and --resume run.ckpt are the same file; type --out run.cnnx",
    ),
    refused(
        "cnnx train xo.npz --log xo.npz --overwrite",
        "cnnx train: --log xo.npz and PATH xo.npz are the same file; type --log xo.csv",
    ),
    refused(
        "cnnx train pets --resume run.ckpt --out new.cnnx --log photo.jpg",
        "cnnx train: photo.jpg exists; add --overwrite to replace it or choose another --log",
    ),
]

TRAINING = [
    refused(
        "cnnx train pet --out new.cnnx",
        "cnnx train: pet: no such file or directory; did you mean pets?",
    ),
    refused(
        "cnnx evaluate modle.cnnx pets",
        "cnnx evaluate: modle.cnnx: no such file or directory; did you mean model.cnnx?",
    ),
    refused(
        "cnnx predict model.cnnx pets/cat/0001.png",
        "cnnx predict: pets/cat/0001.png: no such file or directory; did you mean "
        "pets/cat/001.png?",
    ),
    refused(
        "cnnx evaluate pets model.cnnx",
        re.compile(
            rf"cnnx evaluate: pets is a folder, expected a model first; type {PROGRAM} evaluate "
            r"model\.cnnx pets"
        ),
    ),
    refused("cnnx info pets", "cnnx info: pets is a folder, expected a file that cnnx saved"),
    refused(
        "cnnx train other --init model.cnnx --out new.cnnx",
        "cnnx train: other: has the subfolder bird, expected only classes known already: cat, dog",
    ),
    refused(
        "cnnx train dogs --init model.cnnx --out new.cnnx",
        "cnnx train: dogs: has no images of class cat, expected some of every class of --init "
        "model.cnnx; for other classes type --from model.cnnx",
    ),
    refused(
        "cnnx train pets --init model.cnnx --model lenet --out new.cnnx",
        "cnnx train: --model cannot be given with --init: model.cnnx has its own network",
    ),
    refused(
        "cnnx train pets --init model.cnnx --size 32 --out new.cnnx",
        "cnnx train: --size cannot be given with --init: model.cnnx has its own image size",
    ),
    refused(
        "cnnx train pets --resume run.ckpt --mixup 0.2",
        "cnnx train: --mixup cannot be given with --resume: a resumed run keeps its settings",
    ),
    refused(
        "cnnx train pets --resume model.cnnx --out new.cnnx",
        re.compile(
            r"cnnx train: model\.cnnx: is no checkpoint but a model; to start from its weights "
            rf"type {PROGRAM} train pets --init model\.cnnx --out new\.cnnx"
        ),
    ),
    refused(
        "cnnx train pets --patience 3 --validation 0 --out new.cnnx",
        "cnnx train: --patience needs a validation set; leave --validation 0 out",
    ),
    refused(
        "cnnx train pets --class-weights 1,2,3 --out new.cnnx",
        "cnnx train: --class-weights has 3 numbers, expected one per class: cat, dog",
    ),
    refused(
        "cnnx train pets --mean 0.4,0.5 --out new.cnnx",
        "cnnx train: --mean has 2 numbers, expected one per channel of the images, 1, or a single "
        "one",
    ),
    refused(
        "cnnx train pets --init sigmoid.cnnx --out new.cnnx",
        "cnnx train: --init sigmoid.cnnx: has outputs of shape (1,), expected one per class",
    ),
    refused("cnnx predict model.cnnx empty", "cnnx predict: empty: holds no images"),
    warned(
        "cnnx train single --epochs 1 --out new.cnnx",
        "cnnx train: warning: single: class cat has a single image, so the validation set has "
        "none; add images, or type --validation 0",
    ),
    warned(
        "cnnx train pets --epochs 12 --learning-rate 100 --out new.cnnx",
        re.compile(
            r"cnnx train: warning: fit: the loss of the last epoch is \S+ and was \S+ in the first "
            "step, expected a lower one: train a new model with a smaller learning rate"
        ),
    ),
    warned(
        "cnnx train pets --resume run.ckpt",
        re.compile(
            r"cnnx train: warning: run\.ckpt: the run had ended after 2 epochs, so nothing was "
            rf"trained; to train longer type {PROGRAM} train pets --resume run\.ckpt --out "
            r"model\.cnnx --epochs 4"
        ),
    ),
    warned(
        "cnnx train pets --resume cosine.ckpt --out new.cnnx",
        re.compile(
            r"cnnx train: warning: cosine\.ckpt: the run had ended after 2 epochs, so nothing was "
            rf"trained; to train longer type {PROGRAM} train pets --init cosine\.ckpt --out "
            r"new-2\.cnnx"
        ),
    ),
    refused(
        "cnnx train pets --resume cosine.ckpt --epochs 4",
        re.compile(
            r"cnnx train: --epochs is 4, expected the 2 of cosine\.ckpt, over which CosineDecay "
            rf"changes the learning rate; to train its model further type {PROGRAM} train pets "
            r"--init cosine\.ckpt --out model-2\.cnnx"
        ),
    ),
    refused(
        "cnnx train pets --resume run.ckpt --epochs 1",
        "cnnx train: --epochs is 1, expected at least the 2 epochs that run.ckpt has begun",
    ),
    accepted("cnnx train pets --resume run.ckpt --epochs 3"),
    accepted("cnnx train pets --epochs 1 --init run.ckpt --out new.cnnx"),
    accepted("cnnx --version"),
    accepted("cnnx train pets --epochs 1 --init model.cnnx --out new.cnnx"),
    accepted("cnnx lr-find pets --init model.cnnx"),
    accepted("cnnx train pets --epochs 3 --patience 1 --out new.cnnx"),
    accepted("cnnx train pets --epochs 2 --keep-best --out new.cnnx"),
    accepted("cnnx train pets --epochs 1 --class-weights balanced --out new.cnnx"),
    accepted("cnnx train pets --epochs 1 --class-weights 1,2 --out new.cnnx"),
    accepted("cnnx train pets --epochs 1 --mean auto --std auto --out new.cnnx"),
    accepted("cnnx train pets --epochs 1 --mixup 0.2 --out new.cnnx"),
    accepted("cnnx predict model.cnnx pets"),
    accepted("cnnx predict model.cnnx pets/cat/001.png --top 2 --threads 1"),
    accepted("cnnx evaluate model.cnnx damaged --skip-unreadable --threads 1"),
]

EVERY = [*MISUSED, *FILES, *TRAINING]


@pytest.mark.usefixtures("in_samples", "restore_threads")
@every(EVERY)
def test_the_command_line_prints_the_sentence(case: Case) -> None:
    check(case)
