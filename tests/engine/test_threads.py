"""Sweeps in several threads, and in a process that forks while another thread sweeps."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine import Value, dot

FORKS = """
import os, signal, threading
from engine import Value, total

shared = [Value(1.0) for _ in range(300)]

def sweep():
    while True:
        total([x * x for x in shared]).backward()

threading.Thread(target=sweep, daemon=True).start()
wrong = 0
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        before = [x.grad for x in shared]
        total([x * x for x in shared]).backward()
        same = len(set(before)) == 1 and before[0] % 2.0 == 0.0 and {x.grad for x in shared} == {before[0] + 2.0}
        os._exit(0 if same else 1)
    wrong += os.waitpid(child, 0)[1] != 0
print(wrong, flush=True)
os._exit(0)
"""


@pytest.fixture
def switching():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_sweeps_of_graphs_that_share_leaves_add_up_in_threads_too():
    """Integers, so that every order of additions gives the same sum."""
    for _ in range(20):
        shared = [Value(float(k)) for k in range(1, 30)]
        graphs = [
            sum((x * x for x in shared), Value(0.0)),
            dot(shared, shared[::-1]),
            *[sum((x * 3.0 for x in shared[k::3]), shared[0] * 2.0) for k in range(3)],
        ]
        rights = [0.0] * len(shared)
        for graph in graphs:
            graph.backward()
            rights = [right + x.grad for right, x in zip(rights, shared)]
            for x in shared:
                x.zero_grad()
        start = threading.Barrier(len(graphs) + 1)

        def sweep(graph, start=start):
            start.wait()
            for _ in range(3):
                graph.backward()

        def sweep_leaf(leaf=shared[0], start=start):
            start.wait()
            for _ in range(3):
                leaf.backward(5.0)

        threads = [threading.Thread(target=sweep, args=(graph,)) for graph in graphs]
        threads.append(threading.Thread(target=sweep_leaf))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert [x.grad for x in shared] == [3.0 * right + (15.0 if k == 0 else 0.0) for k, right in enumerate(rights)]


def test_a_fork_during_a_sweep_leaves_the_child_whole_gradients_and_a_free_lock():
    if hasattr(os, "fork"):
        root = Path(__file__).parents[2]
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=root, check=False)
        assert (run.stdout.strip(), run.stderr) == ("0", "")
