"""Training: the trainer, its loop, optimizers, losses and schedules, checkpoints."""
