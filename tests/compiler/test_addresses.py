"""Objects are told apart by where they are."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.front.addresses import addresses, of_each

THINGS = st.sampled_from([1, 1.0, True, 10**9, int("1" + "0" * 9), "a", None, (), [], {}, object()])


@given(st.lists(THINGS).map(tuple), st.lists(THINGS).map(tuple))
def test_bytes_are_equal_where_the_objects_are_the_same(a, b):
    same = len(a) == len(b) and all(x is y for x, y in zip(a, b))
    assert (addresses(a) == addresses(b)) == same == (of_each(a) == of_each(b))
    assert addresses(a) == of_each(a)


def test_cpythons_tuples_are_read_at_once():
    assert (addresses is of_each) == (sys.implementation.name != "cpython")


def test_what_does_not_keep_addresses_is_asked_for_each():
    script = (
        "import sys, types; sys.implementation = types.SimpleNamespace(**{**vars(sys.implementation), 'name': 'other'})\n"
        "from engine.compiler.front import addresses as a; print(a.addresses is a.of_each)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "True", run.stderr
