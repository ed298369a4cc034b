"""What the notebooks of the course need beside the library: checks of the exercises, and charts with their text.

It is part of the package, and not of the folder of notebooks, so that a notebook which was downloaded alone works
wherever `nn` is installed.
"""

from .answers import check_answer, verdict
from .charts import chart, slides

__all__ = ["chart", "check_answer", "slides", "verdict"]
