"""`cnnx.sklearn` loads scikit-learn on first use, and says what to install."""

from __future__ import annotations

import cnnx
import pytest
from python_process import run_python

NAMES = ["CNNClassifier", "CNNFeatures", "CNNRegressor"]
CATCH = "try: cnnx.sklearn.CNNClassifier\nexcept ImportError as error: print(error)"


def test_the_module_loads_without_scikit_learn() -> None:
    code = "import sys, cnnx.sklearn; print('sklearn' in sys.modules, dir(cnnx.sklearn))"
    assert run_python("-c", code).strip() == f"False {NAMES}"


def test_a_missing_scikit_learn_is_one_sentence() -> None:
    code = f"import sys, cnnx.sklearn; sys.modules['sklearn'] = None\n{CATCH}"
    assert run_python("-c", code).strip() == (
        "cnnx.sklearn: needs scikit-learn, which is not installed: pip install 'cnnx[sklearn]'"
    )


def test_an_empty_folder_named_sklearn_is_no_scikit_learn() -> None:
    fake = "sys.modules['sklearn'] = types.ModuleType('sklearn')"
    code = f"import sys, types, cnnx.sklearn\n{fake}\n{CATCH}"
    assert "needs scikit-learn, which is not installed" in run_python("-c", code)


def test_an_old_scikit_learn_is_one_sentence() -> None:
    fake = "fake = types.ModuleType('sklearn'); fake.__version__ = '1.5.2'"
    code = f"import sys, types, cnnx.sklearn\n{fake}\nsys.modules['sklearn'] = fake\n{CATCH}"
    assert run_python("-c", code).strip() == (
        "cnnx.sklearn: scikit-learn is 1.5.2, expected 1.6 or newer: pip install 'cnnx[sklearn]'"
    )


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match=r"^module 'cnnx\.sklearn' has no attribute 'CNN'"):
        cnnx.sklearn.CNN  # noqa: B018
    with pytest.raises(AttributeError, match=r"expected cnnx\.sklearn\.CNNClassifier"):
        cnnx.CNNClassifier  # noqa: B018
    with pytest.raises(AttributeError, match=r"CNNClasifier', expected cnnx\.sklearn\.CNNClassif"):
        cnnx.sklearn.CNNClasifier  # noqa: B018
