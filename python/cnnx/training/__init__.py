"""Training: trainer, training loop, optimizers, losses, schedules and checkpoints."""
