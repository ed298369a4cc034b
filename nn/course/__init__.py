"""What the course needs beside the library: checks of the exercises, charts with their text, and drills.

It is part of the package, and not of the folder of notebooks, so that a notebook which was downloaded alone works
wherever `nn` is installed.
"""

from .answers import check_answer, verdict
from .charts import chart, slides
from .drills import drill

__all__ = ["chart", "check_answer", "drill", "slides", "verdict"]
