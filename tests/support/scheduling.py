"""Which worker runs which tests: neighbours of one file together, who then share what they prepare and compile."""

from collections import Counter

from xdist.scheduler import LoadGroupScheduling

UNITS = 64  # for each worker: the last ones are short, and nobody waits long for them


class Neighbours(LoadGroupScheduling):
    """Tests of a group, and neighbours in a file, go to a worker as one unit; a unit that is done is forgotten.

    (xdist's own sends each test that has no group by itself, and after each counts all that were sent.)

    Args:
        alone: names of files whose tests are long, each a unit.
    """

    def __init__(self, config, log, alone=()):
        super().__init__(config, log)
        self._alone, self._units = alone, {}

    def schedule(self):
        if not self._units:
            self._units = units(next(iter(self.registered_collections.values())), UNITS * self.numnodes, self._alone)
        super().schedule()

    def add_node_collection(self, node, collection):
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = Places(collection)

    def _split_scope(self, nodeid):
        return self._units[nodeid]

    def mark_test_complete(self, node, item_index, duration=0):
        super().mark_test_complete(node, item_index, duration)
        unit = self._units[self.registered_collections[node][item_index]]
        if all(self.assigned_work[node][unit].values()):
            del self.assigned_work[node][unit]


class Places(list):
    """A list of different items that knows where each is."""

    def __init__(self, items):
        super().__init__(items)
        self._places = {item: k for k, item in enumerate(items)}

    def index(self, item):
        return self._places[item]


def units(ids, count, alone=()):
    """{test: the name of its unit}, about so many of nearly one size."""
    size, seen, found = max(1, len(ids) // count), Counter(), {}
    for test in ids:
        file, _, name = test.partition("::")
        if "@" in name.rpartition("]")[2]:
            found[test] = name.rpartition("@")[2]
        else:
            found[test] = f"{file} {seen[file] // (1 if file.endswith(alone) else size)}"
            seen[file] += 1
    return found
