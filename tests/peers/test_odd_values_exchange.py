"""Readers and writers of other libraries' files, swept with odd values where those libraries are installed."""

from exemplars import EXEMPLARS
from odd_values import sweep


def test_odd_values_are_answered_in_the_users_terms():
    names = [name for name, exemplar in EXEMPLARS.items() if exemplar.needs in ("torch", "onnx")]
    count, raw = sweep(names)
    assert len(names) == 3 and count > 500
    assert raw == {}
