"""`cnnx lr-find`: learning rate range test."""

from __future__ import annotations

import argparse

from cnnx.cli import train_options
from cnnx.cli.parser import Commands
from cnnx.cli.recipes import optimizer_of
from cnnx.cli.shared_options import use_threads

_EPILOG = """\
Trains a temporary model for one step per learning rate, from very small to very large. The table
shows the loss at some of the rates. A good rate is where the loss falls fastest, well below the
rate with the lowest loss. PATH is as for `cnnx train`.

example:
  cnnx lr-find pets --model resnet20 --optimizer sgd
"""
_ROWS = 15
_UNUSUAL = 10  # times the usual rate of the optimizer


def add_parser(commands: Commands) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "lr-find",
        help="find a learning rate to train with",
        description="Tries learning rates and suggests one for `cnnx train`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    train_options.add_data_options(parser)
    train_options.add_network_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print losses over rates, and the suggestion."""
    import cnnx
    from cnnx.cli.task import loss_for
    from cnnx.cli.training_images import prepare

    train_options.fill_in(arguments)
    use_threads(arguments)
    model, images = prepare(arguments)
    trainer = cnnx.Trainer(
        model,
        optimizer=optimizer_of(arguments.optimizer, None),
        loss=loss_for(images, None),
        seed=arguments.seed,
    )
    usual = trainer.learning_rate
    found = cnnx.lr_find(trainer, images.x, images.y, batch_size=arguments.batch_size)
    print(f"\n{'rate':>10}  loss")
    every = max(1, len(found.rates) // _ROWS)
    for rate, loss in list(zip(found.rates, found.losses, strict=True))[::every]:
        print(f"{rate:>10.2g}  {loss:.4f}")
    print(f"\nsuggestion: --learning-rate {found.suggestion:.2g}")
    if found.suggestion > _UNUSUAL * usual:
        # The loss of networks with norms falls at rates at which a longer training diverges.
        print(f"note: the usual rate of {arguments.optimizer} is {usual:g}; try that first")
    return 0
