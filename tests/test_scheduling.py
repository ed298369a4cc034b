"""Tests run beside their neighbours, each once."""

from collections import Counter
from types import SimpleNamespace

import pytest
from scheduling import Neighbours, units
from xdist.remote import Producer

GROUPED = [f"tests/demos/test_{name}.py::test_{k}@demo {name}" for k in range(3) for name in ("digits", "names")]
IDS = [f"tests/test_laws.py::test_law[{k}-a@b]" for k in range(500)] + GROUPED
IDS += [f"tests/test_long.py::test_{k}" for k in range(4)]


class Worker:
    """What the scheduler asks of a worker; it runs what it is sent, in that order."""

    def __init__(self, name):
        self.gateway, self.sent, self.done, self.shutting_down = SimpleNamespace(id=name), [], [], False

    def send_runtest_some(self, indices):
        self.sent.append(list(indices))

    def shutdown(self):
        self.shutting_down = True

    def waiting(self):
        return [index for unit in self.sent for index in unit][len(self.done) :]


def test_neighbours_are_a_unit_and_a_group_is_one_and_long_tests_are_alone():
    found = units(IDS, 10, alone=("test_long.py",))
    assert list(found) == IDS
    assert sorted(Counter(found.values()).values()) == [1, 1, 1, 1, 3, 3, 500 % 51, *[51] * 9]
    assert {found[test] for test in GROUPED} == {"demo digits", "demo names"}


@pytest.mark.parametrize("dies_after", [0, 1, 37, 10**9])
def test_every_test_runs_once_though_a_worker_dies(dies_after):
    option = SimpleNamespace(loadscopereorder=False)
    config = SimpleNamespace(getvalue=lambda _: ["popen", "popen"], option=option)
    scheduler = Neighbours(config, Producer("", enabled=False), alone=("test_long.py",))
    dying, other = workers = [Worker("one"), Worker("other")]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, IDS)
    scheduler.schedule()
    while any(worker.waiting() for worker in workers):
        if dying in workers and len(dying.done) == dies_after:
            scheduler.remove_node(dying)
            workers.remove(dying)
        for worker in workers:
            for index in worker.waiting()[:1]:
                worker.done.append(index)
                scheduler.mark_test_complete(worker, index)
    assert scheduler.tests_finished
    assert sorted(dying.done + other.done) == list(range(len(IDS)))
