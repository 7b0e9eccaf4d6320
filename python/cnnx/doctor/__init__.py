"""The doctor: finds defects of a data set before they cost a training.

`check_data` examines images. It returns a `Finding` for each kind of defect: its severity, the
images that it concerns, and what to do.
"""

from cnnx.doctor.data import check_data
from cnnx.doctor.finding import Finding, Severity, findings_text

__all__ = ["Finding", "Severity", "check_data", "findings_text"]
