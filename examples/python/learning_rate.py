"""
Choose a learning rate
======================

A learning rate range test tries rising rates, one per step, and shows which of them work.

``cnnx.lr_find`` makes one step per learning rate, from tiny to huge, and measures the loss before
each. It works on a copy, so trainer and model stay as they are.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

x, y = cnnx.data.xo(2000, seed=1)
test = cnnx.data.xo(500, seed=2)


def new_trainer(rate):
    """A trainer of a new network."""
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    return cnnx.Trainer(model, optimizer=cnnx.Adam(rate))


found = cnnx.lr_find(new_trainer(0.001), x, y, lowest=1e-5, highest=1, steps=200)
print(f"suggested learning rate: {found.suggestion:.4f}")

# %%
# Is the suggestion good? Three trainings with a hundredth of it, with it, and with thirty times
# as much.

factors = {"suggestion / 100": 1 / 100, "suggestion": 1, "suggestion x 30": 30}
losses = {}
for name, factor in factors.items():
    trainer = new_trainer(factor * found.suggestion)
    losses[name] = trainer.fit(x, y, epochs=5).loss
    print(f"{name}: test accuracy {trainer.evaluate(*test)['accuracy']:.1%}")

# %%
# Left: a good rate lies on the falling part of the curve, well before the loss rises. Right: a rate
# that is too low learns slowly, a rate that is too high does not learn.

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
left.plot(found.rates, found.losses)
left.axvline(found.suggestion, color="grey", linestyle="--", label="suggestion")
left.set(xscale="log", xlabel="learning rate", ylabel="training loss", ylim=(0, 1))
left.legend()
for name, values in losses.items():
    right.plot(range(1, len(values) + 1), values, marker=".", label=name)
right.set(xlabel="epoch", ylabel="training loss", ylim=(0, 1.2))
right.legend(loc="upper right")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "learning_rate.png", dpi=72)
