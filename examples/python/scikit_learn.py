"""
Cross-validation and grid search
================================

``CNNClassifier`` is an estimator of scikit-learn, for cross-validation, pipelines and searches.

It classifies scikit-learn's handwritten digits of 8 x 8 pixels, as flat rows of 64 numbers. Needs
scikit-learn: ``pip install 'cnnx[plot,sklearn]'``.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from cnnx.sklearn import CNNClassifier
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

x, y = load_digits(return_X_y=True)

# %%
# A 3-fold cross-validation compares it with logistic regression.

network = CNNClassifier(epochs=6, random_state=0)
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
scores = {
    "logistic regression": cross_val_score(linear, x, y, cv=3),
    "CNNClassifier": cross_val_score(network, x, y, cv=3),
}
for name, values in scores.items():
    print(f"{name}: {values.mean():.1%}")

# %%
# A grid search tries three learning rates, each in a 3-fold cross-validation.

search = GridSearchCV(network, {"learning_rate": [3e-4, 1e-3, 3e-3]}, cv=3)
search.fit(x, y)
print(f"best learning rate: {search.best_params_['learning_rate']:g} ({search.best_score_:.1%})")

# %%
# Left the accuracy of each fold, right the mean and standard deviation for each learning rate.

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
for name, values in scores.items():
    left.plot([name] * len(values), values, "o", alpha=0.6)
left.set(ylabel="accuracy of each fold")
left.margins(x=0.4)
rates = search.cv_results_["param_learning_rate"]
right.errorbar(
    range(len(rates)),
    search.cv_results_["mean_test_score"],
    yerr=search.cv_results_["std_test_score"],
    marker="o",
    capsize=3,
)
right.set(xlabel="learning rate", ylabel="mean accuracy")
right.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "scikit_learn.png", dpi=72)
