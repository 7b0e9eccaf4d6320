"""Attacks on cnnx from outside: random programs that must not fail."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUPPORT = ROOT / "tests" / "support"
sys.path.append(str(SUPPORT))
