"""The doctor: finds defects of a data set, a model or a training before they cost time.

`check_data` examines images, `check_model` a model by its outputs for some images, and
`check_training` tries a training on copies of a model. Each returns a `Finding` for each kind of
defect: its severity, the images or layers that it concerns, and what to do. `suspect_labels` finds
images with wrong labels, and `label_issues` does so from the predictions of any networks.
"""

from cnnx.doctor.confident_learning import LabelIssues, label_issues
from cnnx.doctor.data import check_data
from cnnx.doctor.finding import Finding, Severity, findings_text
from cnnx.doctor.label_search import suspect_labels
from cnnx.doctor.model_checks import check_model
from cnnx.doctor.training_checks import check_training

__all__ = [
    "Finding",
    "LabelIssues",
    "Severity",
    "check_data",
    "check_model",
    "check_training",
    "findings_text",
    "label_issues",
    "suspect_labels",
]
