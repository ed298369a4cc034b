"""Every value that is stored has one slot of its own, and whoever reads it finds it there."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.loops.program import Polynomial
from engine.compiler.loops.slots import Access, slots_of


def access(start, step, count, variable=0):
    """An index that walks over positions."""
    i = np.arange(count)
    index = Polynomial({k: c for k, c in {(): start, ((variable, 1),): step}.items() if c})
    return Access(index, start + step * i, {variable: i})


def found(accesses, slots):
    """position -> its slot, the same for whoever reads or writes it."""
    where = {}
    for a in accesses:
        values = np.broadcast_to(slots[a.place.key()].evaluated(a.rounds), a.positions.shape)
        for position, slot in zip(a.positions.tolist(), values.tolist()):
            assert where.setdefault(position, slot) == slot
    return where


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=4), st.integers(2, 6), st.integers(0, 5),
    st.integers(0, 7),
)  # fmt: skip
def test_each_position_has_a_slot_of_its_own(gaps, count, behind, more):
    """Some instructions in a loop, and behind it one that an index takes for another round of one of them."""
    offsets = np.cumsum([gap for gap, _ in gaps])
    step = int(offsets[-1]) + 1 + more
    writes = [access(int(offset), step, count, 0) for offset in offsets]
    last = access(int(offsets[behind % len(gaps)]) + step * count, 1, 1, 1)
    reads = [access(int(o), step, count + (k == behind % len(gaps)), 2) for k, o in enumerate(offsets)]
    stored = [*[w.positions for w in writes], last.positions]
    accesses = [*writes, last, *reads]
    slots, size = slots_of(stored, accesses)
    where = found(accesses, slots)
    assert len(set(where.values())) == len(where) == size
    for w in writes[: behind % len(gaps)]:
        assert slots[w.place.key()].get(((0, 1),), 0) == 1 or count == 1  # side by side


def test_where_gaps_differ_they_are_kept_and_no_others():
    writes = [access(0, 4, 5), access(2, 4, 5, 1), access(40, 2, 3, 2)]
    gaps = Access(Polynomial({(): 0, ((3, 1),): 20}), np.array([0, 20, 40]), {3: np.arange(3)})
    rest = access(22, 2, 1, 4)
    stored = [writes[0].positions, np.array([20]), writes[2].positions, writes[1].positions, np.array([22])]
    accesses = [*writes, gaps, rest, access(20, 1, 1, 5)]
    slots, size = slots_of(stored, accesses)
    where = found(accesses, slots)
    assert len(set(where.values())) == len(where) and size < 50
    assert slots[writes[1].place.key()].get(((1, 1),)) == 1  # whom nobody reads with others lies side by side


def test_nothing_stored_takes_no_slots():
    assert slots_of([], []) == ({}, 0)
