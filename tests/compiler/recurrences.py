"""Random programs that carry a state from round to round."""

import random
from typing import NamedTuple

import engine
from engine import dot, sigmoid, tanh, total

ONE = (tanh, sigmoid, engine.sin, engine.cos, lambda a: 0.5 * a, lambda a: a * a, lambda a: 1.0 - a, engine.relu)
TWO = (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: 0.9 * a + 0.1 * b, engine.maximum)


class Recurrence(NamedTuple):
    """A program: what it does in a round, of states and one row of a sequence.

    Attributes:
        rounds, width, states: how many, how wide a state is, how many states there are.
        steps: of each state what is done, from (kind, function, operands).
        backwards: does it read the sequence from its end?
        starts: are the states given, or 0?
        kept: is all that states were summed, or what they are in the end?
        lag: how many rounds back a state is read.
        inner: how many rounds there are to each row of the sequence.
    """

    rounds: int
    width: int
    states: int
    steps: tuple
    backwards: bool
    starts: bool
    kept: bool
    lag: int
    inner: int = 1

    @property
    def sizes(self):
        """Of its arguments: weights, a sequence, what states start from."""
        n = self.width
        return self.states * n * n, self.rounds * n, self.states * n

    def __call__(self, xs):
        n, (w, s, _) = self.width, self.sizes
        weights = [[xs[(k * n + i) * n : (k * n + i + 1) * n] for i in range(n)] for k in range(self.states)]
        rows = [xs[w + t * n : w + (t + 1) * n] for t in range(self.rounds)]
        given = [xs[w + s + k * n : w + s + (k + 1) * n] if self.starts else [0.0] * n for k in range(self.states)]
        past, summed = [given] * self.lag, []
        for x in reversed(rows) if self.backwards else rows:
            for _ in range(self.inner):
                past.append(self.next(past, weights, x))
            summed += [c for state in past[-1] for c in state]
        return total([c * c for c in (summed if self.kept else [c for state in past[-1] for c in state])])

    def next(self, past, weights, x):
        """The states of a round."""
        now = list(past[-self.lag])
        for k in range(self.states):
            found, made = [*past[-1], *now, x], []
            for kind, f, a, b in self.steps[k]:
                values = [*found, *made]
                p, q = values[a % len(values)], values[b % len(values)]
                if kind == 0:
                    made.append([tanh(dot(row, p)) for row in weights[k]])
                elif kind == 1:
                    made.append([ONE[f % len(ONE)](c) for c in p])
                else:
                    made.append([TWO[f % len(TWO)](c, d) for c, d in zip(p, q)])
            now[k] = [0.5 * tanh(c) + d for c, d in zip(made[-1], x)]
        return now


def drawn(seed):
    """A program, and a point for it."""
    rng = random.Random(seed)
    states = rng.randint(1, 3)
    steps = tuple(
        tuple(
            (rng.randrange(3), rng.randrange(40), rng.randrange(40), rng.randrange(40))
            for _ in range(rng.randint(1, 4))
        )
        for _ in range(states)
    )
    program = Recurrence(rng.randint(1, 20), rng.choice([1, 2, 3, 4]), states, steps, *[rng.random() < 0.5 for _ in range(3)],
                         rng.choice([1, 1, 2]), rng.choice([1, 1, 1, 2, 3, 5]))  # fmt: skip
    return program, [rng.gauss(0.0, 0.7) for _ in range(sum(program.sizes))]
