"""The laws of the compiler are those of XLA: they are read from there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "compiler"))
