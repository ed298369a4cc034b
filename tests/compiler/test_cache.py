"""Programs of the same IR share native code: what is shared, what is not, and that no bit tells the difference."""

import gc
import random
import re
import threading
import weakref

import numpy as np
import pytest
from test_levels import HERE

import nn
from engine import TrainingLoop, Value, jit, square, tanh, vmap
from engine.compiler.llvm import native_code
from engine.compiler.llvm.native_code import PROGRAMS, Programs
from engine.compiler.llvm.processor import processor

RNG = random.Random(5)
X = [[RNG.uniform(-1, 1) for _ in range(3)] for _ in range(40)]
NUMBERS = [[a - b, a * c] for a, b, c in X]
CLASSES = [0 if a > 0.3 else 1 if b > 0.0 else 2 for a, b, _ in X]
SCALE = [1.0]  # what a loss may read from elsewhere


def trained(**options):
    """(weights, trainer) of a short native training."""
    choice = {"loss": "mse", "y": NUMBERS, "activation": "tanh", "hidden": 2, "start": 0, "lr": 0.05, **options}
    loss, y, activation, hidden, start, lr = (
        choice.pop(name) for name in ("loss", "y", "activation", "hidden", "start", "lr")
    )
    net = nn.MLP(3, [hidden, 2 if y is NUMBERS else 3], activation=activation, seed=start)
    maker = choice.pop("optimizer", nn.SGD)
    settings = {"epochs": 2, "batch_size": 8, "seed": 4, "progress": False, **choice}
    trainer = nn.Trainer(net, X[: len(y)], y, loss=loss, optimizer=maker(net, lr=lr), backend="jit", **settings)
    trainer.run()
    return [p.data.hex() for p in net.parameters()], trainer


def scaled_loss(outputs, t):
    return nn.mse(outputs, t) * SCALE[0]


@pytest.fixture(autouse=True)
def nothing_kept():
    PROGRAMS.clear()
    yield
    PROGRAMS.clear()


# What is shared -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize(
    "other",
    [
        {"start": 1},
        {"lr": 0.3},
        {"y": [[b, a] for a, b in NUMBERS][:40]},
        {"seed": 9, "epochs": 3},
        {"schedule": "cosine"},
        {"y": NUMBERS[:33]},
        {"validation": (X[:5], NUMBERS[:5])},
    ],
)
def test_a_training_of_the_same_structure_compiles_nothing_and_has_the_same_bits(other):
    other = {**other, "y": other.get("y", NUMBERS)}
    other["loss"] = lambda outputs, t: nn.mse(outputs, t)  # another function that says the same

    def at_work():
        net = nn.MLP(3, [2, 2], activation="tanh", seed=other.get("start", 0))
        options = {name: x for name, x in other.items() if name not in ("start", "lr", "y")}
        trainer = nn.Trainer(
            net, X[: len(other["y"])], other["y"], optimizer=nn.SGD(net, lr=other.get("lr", 0.05)), batch_size=8,
            backend="jit", progress=False, **{"epochs": 2, "seed": 4, **options},
        )  # fmt: skip
        trainer.run()
        return [p.data.hex() for p in net.parameters()], trainer

    alone, first = at_work()
    assert not first._backend.native._loop.stages.shared
    PROGRAMS.clear()
    trained()
    shared, second = at_work()
    assert second._backend.native._loop.stages.shared and shared == alone


@pytest.mark.usefixtures("unoptimised")
def test_the_evaluation_of_a_second_training_compiles_nothing():
    options = {"y": CLASSES, "loss": "cross_entropy", "validation": 0.25, "metrics": "accuracy"}
    (_, first), (_, second) = trained(**options), trained(**options, start=3)
    assert [t._backend.native._evaluate.compilations[0].shared for t in (first, second)] == [False, True]
    assert len(PROGRAMS) == 2


@pytest.mark.usefixtures("unoptimised")
def test_functions_of_the_same_text_share_code_and_keep_their_own_numbers():
    away = [Value(2.0), Value(3.0)]
    first, second = (jit(lambda x, w=w: tanh(x) * w) for w in away)
    assert (first(0.5), second(0.5)) == pytest.approx((2.0 * np.tanh(0.5), 3.0 * np.tanh(0.5)))
    assert not first.lower(0.5).shared and second.lower(0.5).shared
    many = [jit(vmap(lambda x: tanh(x) * 2.0)) for _ in range(2)]
    xs = np.linspace(-1.0, 1.0, 7)
    assert (many[0](xs) == many[1](xs)).all() and many[1].lower(xs).shared


@pytest.mark.usefixtures("unoptimised")
def test_stages_say_where_the_code_came_from():
    (_, first), (_, second) = trained(), trained()
    assert "shared" not in repr(first._backend.native._loop.stages)
    assert repr(second._backend.native._loop.stages).endswith(" (shared code)>")
    assert second._backend.native._loop.stages._compiled is first._backend.native._loop.stages._compiled


# What is not ----------------------------------------------------------------------------------------------------------

VARIANTS = {
    "as it is": {},
    "batch": {"batch_size": 9},
    "penalty": {"penalty": nn.l2(0.1)},
    "another strength": {"penalty": nn.l2(0.2)},
    "another penalty": {"penalty": nn.l1(0.1)},
    "optimiser": {"optimizer": nn.Adam},
    "its settings": {"optimizer": lambda net, lr: nn.Adam(net, lr=lr, beta1=0.8)},
    "activation": {"activation": "sigmoid"},
    "width": {"hidden": 3},
    "loss": {"loss": "mae"},
    "outputs": {"y": CLASSES, "loss": "cross_entropy"},
    "metrics": {"metrics": {"zero": lambda t, p: 0.0}},
    "clipped": {"clip_value": 0.01},
    "norm": {"clip_norm": 0.1},
    "another norm": {"clip_norm": 0.2},
}


def assert_nobody_gets_the_code_of_others(names=tuple(VARIANTS)):
    """Each variant alone, then all after each other: the same bits."""
    alone = {}
    for name in names:
        native_code.PROGRAMS.clear()
        alone[name], _ = trained(**VARIANTS[name])
    assert {name: trained(**VARIANTS[name])[0] for name in names} == alone


@pytest.mark.usefixtures("unoptimised")
def test_what_differs_in_more_than_numbers_is_compiled_on_its_own():
    assert_nobody_gets_the_code_of_others()
    assert len(PROGRAMS) == len(VARIANTS)


@pytest.mark.usefixtures("unoptimised")
def test_a_number_that_a_loss_reads_from_elsewhere_is_the_one_it_has_now():
    before, _ = trained(loss=scaled_loss)
    SCALE[0] = 2.0
    try:
        after, trainer = trained(loss=scaled_loss)
    finally:
        SCALE[0] = 1.0
    assert after != before and not trainer._backend.native._loop.stages.shared


@pytest.mark.usefixtures("unoptimised")
def test_a_key_without_the_constants_is_caught(monkeypatch):
    class Careless(Programs):
        def compiled(self, text, *options):
            key = re.sub("0x[0-9a-f]+", "", text)
            return super().compiled(self.first.setdefault(key, text), *options)

        def clear(self):
            super().clear()
            self.first = {}

    monkeypatch.setattr(native_code, "PROGRAMS", Careless())
    monkeypatch.setattr("engine.compiler.compilation.PROGRAMS", native_code.PROGRAMS)
    assert_nobody_gets_the_code_of_others(["penalty", "optimiser"])
    with pytest.raises(AssertionError):
        assert_nobody_gets_the_code_of_others(["penalty", "another strength"])


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize(
    ("options", "shared"),
    [({}, True), ({"dtype": "float32"}, False), ({"contract": False}, False), ({"checked": True}, False),
     ({"slots": 1}, False), *[({"cpu": level}, False) for level in HERE if processor(level) != processor(None)]],
)  # fmt: skip
def test_every_option_of_a_loop_that_changes_its_code_is_in_the_key(options, shared):
    def loop(settings=1, slots=0, checked=False, **options):
        return TrainingLoop(
            lambda p, e: square(p[0] * e[0] - e[1]), lambda p, g, slots, settings: (p - settings[0] * g, slots),
            [0.0], [[1.0, 3.0], [2.0, 6.0]], settings=settings, slots=slots, checked=checked, **options,
        )  # fmt: skip

    loop()
    assert loop(**options).stages.shared == shared


# How long, and for whom -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unoptimised")
def test_forty_trainings_of_one_structure_keep_one_program():
    codes = weakref.WeakSet()
    for start in range(40):
        _, trainer = trained(start=start, epochs=1)
        codes.add(trainer._backend.native._loop.stages._compiled)
    assert len(codes) == len(PROGRAMS) == 1
    PROGRAMS.clear()
    before = trainer._backend.native._loop.run(range(40), settings=[0.0, 1.0])
    assert np.isfinite(before).all()  # in use, it stays
    del trainer
    gc.collect()
    assert not codes


@pytest.fixture
def compiled_texts(monkeypatch):
    texts = []

    class Compiled:
        def __init__(self, text, *options):
            if text == "wrong":
                raise ValueError("no IR")
            texts.append(text)
            self.size = len(text)

    monkeypatch.setattr(native_code, "Compiled", Compiled)
    return texts


def test_the_programs_asked_for_last_are_kept_up_to_a_size(compiled_texts):
    programs = Programs(most=10)
    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        programs.compiled(text, 3, False, "")
    assert compiled_texts == ["aaaa", "bbbb", "cccc", "bbbb"]  # b was asked for longest ago when c came
    assert len(programs) == 2
    programs.compiled("d" * 11, 3, False, "")
    assert len(programs) == 0  # larger than all there is room for
    programs.compiled("eeee", 3, False, "")
    assert programs.compiled("eeee", 3, False, "")[1]


def test_level_lanes_processor_and_rounds_are_in_the_key(compiled_texts):
    programs = Programs()
    for options in ((3, False, ""), (1, False, ""), (3, True, ""), (3, False, "x86-64"), (3, False, "", False)):
        assert not programs.compiled("text", *options)[1]
    assert len(compiled_texts) == 5


def test_what_does_not_compile_is_not_kept_and_holds_nobody_up(compiled_texts):
    programs = Programs()
    for _ in range(2):
        with pytest.raises(ValueError, match="no IR"):
            programs.compiled("wrong", 3, False, "")
    assert not programs.compiled("right", 3, False, "")[1] and len(programs) == 1


@pytest.mark.usefixtures("unoptimised")
def test_threads_that_ask_at_once_compile_once_and_get_the_same_bits():
    alone, _ = trained()
    PROGRAMS.clear()
    found, errors, start = [], [], threading.Barrier(6)

    def work():
        try:
            start.wait()
            found.append(trained())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and [weights for weights, _ in found] == [alone] * 6
    assert sorted(t._backend.native._loop.stages.shared for _, t in found) == [False] + [True] * 5
    assert len({id(t._backend.native._loop.stages._compiled) for _, t in found}) == 1
