"""Both estimators pass scikit-learn's own check_estimator: every check, none expected to fail, none skipped."""

import json
import os
import subprocess
import sys

import pytest

# In a process of its own, since one check needs an environment variable from before SciPy is imported.
CHECKS = """
import json, sys
from sklearn.utils.estimator_checks import check_estimator
from nn import sklearn

small = {"hidden_layer_sizes": (4,), "max_iter": 20} if sys.argv[2] == "eager" else {}  # a tenth of the time
estimator = getattr(sklearn, sys.argv[1])(backend=sys.argv[2], **small)
found = check_estimator(estimator, on_fail=None, on_skip=None)
print(json.dumps([[c["check_name"], c["status"], repr(c["exception"]), c["expected_to_fail"]] for c in found]))
"""


@pytest.mark.parametrize("backend", ["eager", "jit"])
@pytest.mark.parametrize("estimator", ["NetworkClassifier", "NetworkRegressor"])
def test_every_check_of_scikit_learn_passes(estimator, backend):
    done = subprocess.run(
        [sys.executable, "-c", CHECKS, estimator, backend],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [c for c in found if c[1] != "passed" or c[3]] == []
    assert len(found) > 40
