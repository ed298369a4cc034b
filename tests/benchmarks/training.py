"""Training beside its peers: `python -m tests.benchmarks.training` prints the figures, and fails when one is missed.

XOR by NeuralNetwork with its defaults from seeds 0 to 199; the 8×8 digits beside scikit-learn's MLPClassifier (64-16-10,
relu, Adam with the same rate, batches of 32, the same epochs and the same split, mean of 5 seeds); moons with noise 0.1,
1,000 held-out points, mean of 5 seeds; and one epoch of digits by `fit` beside the loop that one writes by hand over
`nn.MLP`, in turns in one process, Python's collector as shipped, the median of the ratios of neighbours. About 5 minutes.
"""

import argparse
import platform
import random
import statistics
import sys
import time
import warnings

import nn
from nn.data import permutation

EPOCHS = 30
RATE = 0.01


def digits():
    """(training rows, targets, held-out rows, targets): a fifth is held out, the same for all."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16.0, y, test_size=0.2, random_state=0, stratify=y)


def ours_on_digits(seed):
    X, X_test, y, y_test = digits()
    net = nn.MLP(64, [16, 10], seed=seed)
    nn.fit(net, X, y, loss="cross_entropy", optimizer=nn.Adam(net, lr=RATE), epochs=EPOCHS, seed=seed, progress=False)
    outputs = [[z.data for z in net(x)] for x in X_test.tolist()]
    return statistics.fmean([zs.index(max(zs)) == t for zs, t in zip(outputs, y_test)])


def theirs_on_digits(seed):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    X, X_test, y, y_test = digits()
    peer = MLPClassifier((16,), batch_size=32, learning_rate_init=RATE, max_iter=EPOCHS, alpha=0.0, tol=0.0,
                         n_iter_no_change=EPOCHS, random_state=seed)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after the epochs that were asked for
        peer.fit(X, y)
    return peer.score(X_test, y_test)


def on_moons(seed, examples=300):
    from sklearn.datasets import make_moons

    X, y = make_moons(examples + 1000, noise=0.1, random_state=seed)
    net = nn.MLP(2, [8, 8, 1], activation="tanh", seed=seed)
    nn.fit(net, X[:examples], y[:examples], loss="binary_cross_entropy", optimizer=nn.Adam(net, lr=0.03), epochs=40,
           batch_size=16, schedule="cosine", seed=seed, progress=False)  # fmt: skip
    return statistics.fmean([(net(x).data > 0.0) == t for x, t in zip(X[examples:].tolist(), y[examples:])])


def learns_xor(seed):
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    network = nn.NeuralNetwork([2, 4, 1], seed=seed)
    network.train(X, y, displayUpdate=0)
    return [int(p > 0.5) for p in network.predict(X).ravel()] == y


def epoch_by_hand(net, X, y, seed):
    optimiser, order = nn.Adam(net, lr=0.01), permutation(len(X), random.Random(seed))
    for start in range(0, len(X), 32):
        batch = order[start : start + 32]
        optimiser.zero_grad()
        nn.cross_entropy([net(X[i]) for i in batch], [y[i] for i in batch]).backward()
        optimiser.step()


def epoch_by_fit(net, X, y, seed):
    nn.fit(net, X, y, loss="cross_entropy", optimizer=nn.Adam(net, lr=0.01), epochs=1, seed=seed, progress=False)


def seconds_of_epochs(rounds):
    """Seconds of an epoch by hand and by fit, one after the other, each first in turn."""
    X, _, y, _ = digits()
    X, y = X.tolist(), y.tolist()
    pairs = []
    for k in range(rounds):
        found = {}
        for train in (epoch_by_hand, epoch_by_fit) if k % 2 else (epoch_by_fit, epoch_by_hand):
            net = nn.MLP(64, [16, 10], seed=k)
            start = time.perf_counter()
            train(net, X, y, k)
            found[train] = time.perf_counter() - start, net.state()
        (hand, state), (fit, same) = found[epoch_by_hand], found[epoch_by_fit]
        assert all(abs(same[path] - x) < 1e-9 for path, x in state.items())  # both have done the same
        pairs.append((hand, fit))
    return pairs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds for digits and moons")
    parser.add_argument("--starts", type=int, default=200, help="seeds for XOR")
    parser.add_argument("--rounds", type=int, default=9, help="epochs of digits by hand and by fit")
    options = parser.parse_args()
    rows = []

    def row(what, figure, floor, holds):
        rows.append((what, figure, floor, "yes" if holds else "NO"))

    pairs = seconds_of_epochs(options.rounds)
    ratio = statistics.median([fit / hand for hand, fit in pairs])
    hand, fit = (statistics.median(ts) for ts in zip(*pairs))
    row(
        "one epoch of digits, `fit` over a loop by hand",
        f"{ratio:.3f} ({fit:.2f} s, {hand:.2f} s)",
        "at most 1.10",
        ratio <= 1.1,
    )
    seeds = range(options.seeds)
    ours, theirs = statistics.fmean(map(ours_on_digits, seeds)), statistics.fmean(map(theirs_on_digits, seeds))
    row(f"digits, {EPOCHS} epochs, mean of {len(seeds)} seeds", f"{ours:.2%} (MLPClassifier {theirs:.2%})",
        "at most 0.5 points below", ours >= theirs - 0.005)  # fmt: skip
    moons = statistics.fmean(map(on_moons, seeds))
    row(f"moons, 1,000 held-out points, mean of {len(seeds)} seeds", f"{moons:.2%}", "at least 99 %", moons >= 0.99)
    learned = sum(map(learns_xor, range(options.starts)))
    least = 185 * options.starts // 200
    row(f"XOR, seeds 0 to {options.starts - 1}", str(learned), f"at least {least}", learned >= least)

    print(f"Python {platform.python_version()}, {platform.machine()}, one thread.\n")
    print("| what | measured | must be | holds |\n|---|---|---|---|")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    return 0 if all(cells[-1] == "yes" for cells in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
