"""How tests run here: Hypothesis never by the clock, and in CI always the same examples; Ctrl-C is heard."""

import os
import signal

from hypothesis import HealthCheck, settings

slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("default", deadline=None, suppress_health_check=slow_is_fine)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile(
    "nightly", settings.get_profile("default"), max_examples=10_000
)  # --hypothesis-profile=nightly
settings.load_profile("ci" if os.environ.get("CI") else "default")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background would ignore Ctrl-C, tests of it too
