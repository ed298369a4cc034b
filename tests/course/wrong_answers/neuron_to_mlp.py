"""05_neuron_to_mlp: what people answer first, and what they must be told."""

from nn import MLP, Neuron

RIGHT = {
    "05.1": [[20.0, 20.0, -30.0], (6, 6, -9), (10.0, 12.0, -16.0)],
    "05.2": [41, MLP(3, [4, 4, 1], seed=0).parameter_count],
}
WRONG = {
    "05.1": [
        ([20.0, 20.0, -10.0], "that is 'at least one'"),
        ([1.0, 1.0, -1.5], "not sure enough"),
        ([-20.0, -20.0, 30.0], "looks the other way"),
        ([20.0, 20.0, -19.0], "that is 'at least one'"),
        ([20.0, 20.0, 10.0], "it says yes at all four points"),
        ([1.0, 1.0, -10.0], "it says no at all four points"),
        ([20.0, 0.0, -10.0], "at (1, 0) the output is 1"),
        ([20.0, 20.0], "this one has 2"),
        ([float("nan")] * 3, "three finite numbers"),
        (Neuron(2, seed=0), "is a list of 3 numbers"),
    ],
    "05.2": [
        (32, "every neuron has a bias too"),
        (9, "how many weights has each?"),
        (12, "a weight for each of its inputs"),
        (35, "four biases, not one"),
        (57, "no weights and biases of their own"),
        (40, "take the layers one by one"),
        ("41", "is a number"),
    ],
}
