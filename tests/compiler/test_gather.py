"""Integer arguments as indices: what a compiled function takes is what Python takes, or a message."""

import math
import struct
from functools import partial
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import TrainingLoop, Value, dot, jit, mean, relu, square, take, total, value_and_grad, vmap, where
from engine.compiler import compilation
from engine.compiler.front.recorder import TraceError
from engine.compiler.front.trace import SCATTERS

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
PICKS = {
    "a row": lambda rows, i: rows[i],
    "an entry": lambda rows, i: rows[i][0],
    "one of a column": lambda rows, i: [row[1] for row in rows] and take([row[1] for row in rows], i),
    "of a slice": lambda rows, i: rows[:][i],
    "by take": lambda rows, i: take(rows, i),
    "twice": lambda rows, i: [a * b for a, b in zip(rows[i], rows[i])],
}


def bits(tree):
    """All numbers of a tree, to the last bit, but that nan is nan."""
    flat = np.array(tree, float).ravel().tolist()
    return ["nan" if x != x else struct.pack("d", x) for x in flat]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
@pytest.mark.parametrize("form", [lambda rows: rows, lambda rows: tuple(map(tuple, rows)), np.array])
def test_an_index_takes_what_python_takes(pick, form, dtype):
    compiled = jit(pick, dtype=dtype)
    for i in range(-3, 3):
        assert bits(compiled(form(ROWS), i)) == bits(pick(ROWS, i))
    assert len(compiled.compilations) == 1


@pytest.mark.parametrize("i", [3, -4, 10**9, 1.5, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", [lambda rows: rows, np.array])
def test_an_index_of_no_row_is_a_message_and_the_next_call_is_right(i, form):
    compiled = jit(lambda rows, i: rows[i], checked=True)
    assert bits(compiled(form(ROWS), 2)) == bits(ROWS[2])
    with pytest.raises(IndexError, match=r"jit takes whole numbers from -3 to 2 as indices of 3 rows, got"):
        compiled(form(ROWS), i)
    assert bits(compiled(form(ROWS), 1)) == bits(ROWS[1])
    first = jit(lambda rows, i: rows[i])  # the first call too
    with pytest.raises(IndexError, match="jit takes whole numbers from -3 to 2"):
        first(form(ROWS), i)


def test_an_index_that_is_not_to_count_from_the_end_is_refused_there():
    for f in (partial(take, negative=False), jit(lambda rows, i: take(rows, i, negative=False))):
        assert bits(f(ROWS, 0)) == bits(ROWS[0])
        with pytest.raises(IndexError, match="from 0 to 2 as .* got -1"):
            f(ROWS, -1)
    both = jit(lambda rows, i: take(rows, i, negative=False)[0] + rows[i][1])
    with pytest.raises(IndexError, match="from 0 to 2 as indices of 3 rows, got -1"):
        both(ROWS, -1)


def test_an_index_whose_row_is_not_used_is_checked_as_well():
    compiled = jit(lambda rows, i: (rows[i], rows[0][0])[1])
    assert compiled(ROWS, 1) == 1.0
    with pytest.raises(IndexError, match="got 7"):
        compiled(ROWS, 7)


@pytest.mark.parametrize(
    ("f", "args", "message"),
    [
        (lambda rows, i: rows[i + 1], (ROWS, 0), "jit takes arguments as indices, got one that is computed at"),
        (lambda rows, i: [row[:] for row in rows][i], (ROWS, 0), r"write engine.take\(rows, i\) for rows\[i\]"),
        (lambda rows, i: rows[0:i], (ROWS, 1), "static_argnames"),
    ],
)
def test_what_is_no_gather_is_refused_with_the_way_out(f, args, message):
    with pytest.raises(TraceError, match=message):
        jit(f)(*args)


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="take takes rows of one length, got 1 and 2"):
        jit(lambda rows, i: rows[i])([[1.0, 2.0], [3.0]], 0)


@pytest.mark.parametrize(
    ("i", "error", "message"),
    [
        (3, IndexError, "take takes a whole number from -3 to 2 as an index, got 3"),
        (-4, IndexError, "got -4"),
        (0.5, TypeError, "take takes a whole number as an index, got 0.5"),
        ("a", TypeError, "take takes a whole number as an index, got 'a'"),
    ],
)
def test_take_in_eager_mode_says_what_it_takes(i, error, message):
    with pytest.raises(error, match=message):
        take(ROWS, i)


def test_arrays_take_arrays_of_indices():
    rows, places = np.array(ROWS), np.array([[0, -1], [1, 1]])
    for f in (lambda rows, i: rows[i], lambda rows, i: rows[i, 1], lambda rows, i: rows[i, ::-1] * 2.0):
        assert bits(jit(f)(rows, places)) == bits(f(rows, places))
    assert jit(lambda rows, i: rows[i, 1])(rows, -2) == 4.0


def test_what_comes_back_is_made_of_plain_lists():
    rows, row = jit(lambda rows, i: (rows, rows[i]))(ROWS, 1)
    assert [type(x) for x in (rows, rows[0], row)] == [list] * 3
    pair = jit(lambda pair, i: (pair, pair[i]))((1.0, 2.0), 1)
    assert (type(pair[0]), pair) == (tuple, ((1.0, 2.0), 2.0))
    arrays = jit(lambda rows, i: rows * rows[i][0])(np.array(ROWS), 1)
    assert type(arrays) is np.ndarray


def test_dicts_and_keywords_hold_rows_and_indices_too():
    compiled = jit(lambda p, *, at: p["rows"][at["i"]][0])
    assert [compiled({"rows": ROWS}, at={"i": i}) for i in (0, -1)] == [1.0, 5.0]


FINITE = st.floats(-1e6, 1e6)
ANY = st.floats(width=64)


@st.composite
def cases(draw, numbers):
    """(rows, indices of them)"""
    count, width, taken = draw(st.sampled_from([(1, 1, 3), (2, 3, 1), (5, 2, 6), (9, 4, 4)]))  # each is compiled
    row = st.lists(numbers, min_size=width, max_size=width)
    rows = draw(st.lists(row, min_size=count, max_size=count))
    return rows, draw(st.lists(st.integers(-count, count - 1), min_size=taken, max_size=taken))


COMPILED = jit(lambda rows, places: [rows[i] for i in places], contract=False)


@given(cases(ANY))
@settings(max_examples=40, deadline=None)
def test_gathered_rows_have_the_bits_of_eager_mode(case):
    rows, places = case
    assert bits(COMPILED(rows, places)) == bits([rows[i] for i in places])


def weighed(rows, places):
    """Each place weighs more than the one before, and uses its row once: eager mode knows no place to sum its uses at."""
    return total([float(k + 1) * square(a) for k, i in enumerate(places) for a in rows[i]])


WEIGHED = jit(value_and_grad(weighed), contract=False)


@given(cases(FINITE))
@settings(max_examples=40, deadline=None)
def test_gradients_of_gathered_rows_add_up_as_in_eager_mode(case):
    rows, places = case
    found, expected = WEIGHED(rows, places), value_and_grad(weighed)(rows, places)
    assert bits(found[0]) == bits(expected[0])
    assert bits(np.add(found[1], 0.0)) == bits(np.add(expected[1], 0.0))  # but for the sign of 0
    untouched = set(range(len(rows))) - {i % len(rows) for i in places}
    assert all(g == 0.0 for k in untouched for g in found[1][k])


TABLES = {
    "a table": lambda w, v, ids: mean([square(dot(w[i], v)) for i in ids]),
    "two indices each": lambda w, v, ids: mean([dot(w[i], v) * w[k][1] for i, k in zip(ids, ids[1:])]),
    "one column": lambda w, v, ids: mean([square(w[i][1]) for i in ids]),
    "a list of a column": lambda w, v, ids: mean([square(take([row[2] for row in w], i)) for i in ids]),
    "rows turned around": lambda w, v, ids: mean([square(dot(take(w[::-1], i), v)) for i in ids]),
    "parts that overlap": lambda w, v, ids: total([w[2:][ids[2]][0], w[:3][ids[0]][0], w[ids[1]][0]]),
    "behind a condition": lambda w, v, ids: mean([where(w[i][0], dot(w[i], v), 0.0) for i in ids]),
    "behind relu": lambda w, v, ids: mean([relu(dot(w[i], v)) for i in ids]),
    "an entry alone": lambda w, v, ids: w[ids[0]][1],
    "twice the same": lambda w, v, ids: w[ids[0]][1] * w[ids[0]][1] * v[0],
    "a penalty": lambda w, v, ids: mean([dot(w[i], v) for i in ids]) + total([square(x) for row in w for x in row]),
    "a penalty before": lambda w, v, ids: total([square(x) for row in w for x in row]) + mean([w[i][0] for i in ids]),
    "tied": lambda w, v, ids: mean([square(dot(w[i], row)) for i in ids for row in w]),
    "tied behind": lambda w, v, ids: mean([square(dot(x, row)) for x in [w[i] for i in ids] for row in w]),
    "tied behind once": lambda w, v, ids: square(dot(w[ids[0]], w[2])) + square(dot(w[ids[1]], w[0])),
    "a row beside constants": lambda w, v, ids: w[ids[0]][0] * w[ids[1]][1] + square(dot(w[2], [1.0, 2.0, 3.0])),
    "tied in a sum": lambda w, v, ids: mean([dot(w[i], [total(column) for column in zip(*w)]) for i in ids]),
}


@pytest.mark.parametrize("argnums", [0, (1, 0)])
@pytest.mark.parametrize("form", TABLES)
def test_gradients_of_tables_are_those_of_eager_mode(form, argnums):
    f, draw = value_and_grad(TABLES[form], argnums=argnums), Random(0)
    compiled = jit(f, contract=False, checked=True)
    for k in range(3):
        w, (v,) = ([[draw.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(n)] for n in (5, 1))
        ids = [draw.randrange(-3, 3) for _ in range(12)] if k else [0, 1, -1, -2, 1, 2] * 2
        ids[2] = -2  # into three rows
        (y, found), (z, expected) = compiled(w, v, ids), f(w, v, ids)
        flat, right = (np.concatenate([np.ravel(part) for part in g]) + 0.0 for g in (found, expected))
        assert bits(y) == bits(z)
        assert np.allclose(flat, right, 1e-14, 1e-15)
        if argnums == 0 and "tied" not in form:
            assert bits(flat) == bits(right)


def test_threads_do_not_share_what_adds_to_rows(monkeypatch):
    monkeypatch.setattr(compilation, "LEAST", 0)
    monkeypatch.setattr(compilation, "SHARED", 1)
    made, place = [], compilation.Placement
    monkeypatch.setattr(compilation, "Placement", lambda *args: made.append(place(*args)) or made[-1])
    f, given = value_and_grad(TABLES["one column"]), (ROWS, [1.0, 1.0], [0, 1, -1, 2] * 5)
    assert bits(jit(f, threads=2, contract=False)(*given)[1]) == bits(f(*given)[1])
    adding = {loop for s, nest in made[0]._nest.items() if getattr(s, "op", "") in SCATTERS for loop in nest.loops}
    assert adding
    assert made[0].shared
    assert adding.isdisjoint(made[0].shared)


def test_rows_that_change_between_two_indices_are_read_as_they_are_then():
    def f(rows, i):
        first = take(rows, i)[0]
        rows[1][0] = 10.0 * rows[1][0]
        return first + take(rows, i)[0]

    compiled = jit(value_and_grad(f))
    for i in (0, 1):
        assert compiled([[1.0], [2.0], [3.0]], i) == value_and_grad(f)([[1.0], [2.0], [3.0]], i)


def test_a_table_of_many_rows_is_a_program_as_short_as_one_of_few():
    def loss(w, v, ids):
        return mean([square(dot(w[i], v)) for i in ids])

    stages = []
    for rows in (20, 400):
        given = [[0.5] * 4 for _ in range(rows)], [1.0] * 4, [0, -1, 3] * 2
        stages.append(jit(value_and_grad(loss)).lower(*given))
        assert f"] = p[i1 + 4*(p[{4 * rows + 4} + i0] mod {rows})]" in stages[-1].program
        assert f" + 4*(p[{4 * rows + 9} - i5] mod {rows})] += v[" in stages[-1].program
    few, many = stages
    assert few.written == many.written
    assert many.instructions - few.instructions == 4 * 380  # what sets the gradients to 0


def test_what_a_penalty_adds_is_written_before_what_comes_by_indices():
    given = [[0.5] * 4 for _ in range(50)], [1.0] * 4, [0, -1, 3] * 2
    assert "mod 50)] += v[" in jit(value_and_grad(TABLES["a penalty"])).lower(*given).program


def test_a_row_that_is_not_taken_has_gradient_0_whatever_is_in_it():
    rows = [[1.0], [math.inf], [math.nan]]
    f = value_and_grad(lambda rows, i: 1.0 / rows[i][0])
    assert jit(f)(rows, 0) == (1.0, [[-1.0], [0.0], [0.0]])


def test_second_derivatives_pass_through_a_gather():
    def f(rows, i):
        return total([a**3 for a in take(rows, i)])

    hessian = jit(engine.hessian(lambda row, i: f([row, row], i)))
    assert np.array(hessian([1.0, 2.0], 1)).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    twice = jit(engine.grad(lambda rows, i: total([square(g) for g in engine.grad(f)(rows, i)[1]])))
    eager = engine.grad(lambda rows, i: total([square(g) for g in engine.grad(f)(rows, i)[1]]))
    assert twice(ROWS, 1) == eager(ROWS, 1)


@pytest.mark.parametrize("form", [list, np.array])
def test_mapped_examples_have_an_index_each(form):
    def f(rows, i):
        return [a * 2.0 for a in rows[i]]

    compiled = jit(vmap(f, in_axes=(None, 0)))
    places = [0, 2, -1, 1] * 5
    assert bits(compiled(form(ROWS), form(places))) == bits([f(ROWS, i) for i in places])
    with pytest.raises(IndexError, match="jit takes whole numbers from -3 to 2 as indices of 3 rows, got 3"):
        compiled(form(ROWS), form([0, 3]))


def test_a_form_that_compiles_slowly_is_told_in_a_line_with_the_form_that_does_not(monkeypatch, caplog):
    def growing(xs):
        seen, sums = [], []
        for x in xs:
            seen.append(x * 2.0)
            sums.append(total([engine.exp(a * x) for a in seen]))
        return sums

    short = jit(growing)
    short([1.0] * 5)
    assert caplog.text == ""
    monkeypatch.setattr(compilation, "HARD", short.compilations[0].written)
    jit(growing)([1.0] * 5)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage().count("\n")) == ("engine.jit", "WARNING", 0)
    assert "this compiles slowly" in record.getMessage()
    assert "Where a list grows (keys.append), lists of one length and a mask" in record.getMessage()


# Training ------------------------------------------------------------------------------------------------------------


def descend(p, g, slots, given):
    return p - given[0] * g, slots


def loop(examples, loss, **options):
    return TrainingLoop(loss, descend, [1.0, 2.0, 3.0, 4.0], examples, settings=1, contract=False, **options)


def test_a_loss_takes_numbers_of_its_example_as_indices():
    losses = {
        "a parameter": lambda p, e: square(p[e[0]] - e[1]),
        "a row": lambda p, e: square(take([p[:2], p[2:]], e[0])[1] - e[1]),
    }
    for loss in losses.values():
        examples = [[0.0, 0.5], [1.0, 1.5], [-1.0, 2.5]]
        trained, p = loop(examples, loss, batch=1), [1.0, 2.0, 3.0, 4.0]
        got = trained.run(epochs=2, settings=[0.1]).ravel().tolist()
        for k, example in enumerate(examples * 2):
            values = list(map(Value, p))
            cost = loss(values, [int(example[0]), example[1]])
            assert bits(got[k]) == bits(cost.data)
            cost.backward()
            p = [v.data - 0.1 * v.grad for v in values]
        assert bits(trained.parameters) == bits(p)


def test_a_training_refuses_examples_with_an_index_of_no_parameter():
    trained = loop([[0.0, 0.5], [1.0, 1.5]], lambda p, e: square(p[e[0]] - e[1]))
    trained.run(settings=[0.1])
    trained.examples[1, 0] = 4.0
    message = "TrainingLoop takes whole numbers from -4 to 3 as indices of 4 rows, got 4"
    for call in (trained.run, trained.prepared):
        with pytest.raises(IndexError, match=message):
            call(settings=[0.1])
    with pytest.raises(TypeError, match="TrainingLoop takes numbers of an example as indices, got a parameter"):
        loop([[0.0]], lambda p, e: take([e[0], e[0] * 2.0], p[0]))


def factors(rows, twice=False):
    """The loss of an example (row of one table, row of another, number), which a product of both and weights is to be."""

    def loss(p, e):
        both = [[p[at + 3 * k : at + 3 * k + 3] for k in range(rows)] for at in (0, 3 * rows)]
        us, vs = (take(table, i) for table, i in zip(both, e))
        product = dot([a * b for a, b in zip(us, vs)], p[6 * rows :])
        return square(product + take(both[0], e[1])[0] - e[2] if twice else product - e[2])

    return loss


@pytest.mark.parametrize("rows", [5, 70])
@pytest.mark.parametrize("batch", [1, 5, 23])
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_a_training_adds_to_the_rows_that_its_examples_take(batch, twice, rows):
    """Of few rows it compares with each, if examples go together."""
    draw = Random(0)
    loss, start = factors(rows, twice), [draw.uniform(-0.1, 0.1) for _ in range(6 * rows + 3)]
    few, unit = partial(draw.randrange, 3), partial(draw.uniform, -0.1, 0.1)
    examples = [[few() - rows * draw.randrange(2), few(), unit()] for _ in range(23)]
    given = {"settings": 1, "batch": batch, "checked": True}
    exact, close = (TrainingLoop(loss, descend, start, examples, contract=c, **given) for c in (False, True))
    for trained in (exact, close):
        trained.run(settings=[0.5])  # which leaves all digits of a gradient
    p = list(start)
    for k in range(0, len(examples), batch):
        values = list(map(Value, p))
        mean([loss(values, e) for e in examples[k : k + batch]]).backward()
        p = [v.data - 0.5 * v.grad for v in values]
    assert bits(exact.parameters) == bits(p)
    assert np.allclose([exact.parameters, close.parameters], p, 1e-9, 1e-9)
    added = 0 if rows < 64 and batch > 1 else 3 if twice else 2
    assert exact.stages.program.count(f"mod {rows})] += v[") == added


def lookups(count, backend):
    """Two epochs of a training whose examples are three numbers of things each; some are there twice."""
    draw = Random(1)
    net = nn.Sequential(nn.Embedding(count, 2, seed=0), nn.Layer(6, 3, activation="identity", seed=1))
    xs = [[draw.randrange(min(count, 9)) for _ in range(3)] for _ in range(30)]
    fit = {"loss": "cross_entropy", "optimizer": "adam", "epochs": 2, "batch_size": 7, "seed": 0, "progress": False}
    return nn.fit(net, xs, [x[0] % 3 for x in xs], backend=backend, **fit), net


@pytest.mark.parametrize("backend", ["jit", "numpy", "auto"])
def test_an_embedding_takes_a_number_that_the_net_computes(backend, capsys):
    found = []
    for how in (backend, "eager"):
        net = nn.Sequential(lambda x: [x[0] + 2.0 * x[1], 4.0], nn.Embedding(5, 2, seed=0), nn.Layer(4, 2, seed=1))
        fit = {"loss": "mse", "epochs": 3, "seed": 0, "progress": False}
        nn.fit(net, [[0, 0], [1, 0], [0, 1], [1, 1]], [[0.5, 0.1]] * 4, backend=how, **fit)
        found.append([v.data for v in net.parameters()])
    assert "eager mode" not in capsys.readouterr().err
    assert np.allclose(*found, 1e-12, 1e-12)
    table = nn.Embedding(3, 2, seed=0)  # a number that is differentiated, too
    assert engine.grad(lambda i: total(table(i)) * i)(2.0) == sum(v.data for v in table.weight[2])


@pytest.mark.parametrize("backend", ["jit", "numpy"])
@pytest.mark.parametrize("count", [9, 200])
def test_an_embedding_trains_as_in_eager_mode(count, backend):
    found, expected = ([v.data for v in lookups(count, b)[1].parameters()] for b in (backend, "eager"))
    assert np.allclose(found, expected, 1e-12, 1e-12)


def test_an_embedding_of_many_things_is_a_program_as_short_as_one_of_fewer():
    few, many = (
        jit(value_and_grad(lambda net, ids: mean(map(square, net(ids))))).lower(nn.Embedding(n, 2, seed=0), [0, 3, 0])
        for n in (200, 2000)
    )
    assert few.written == many.written
    assert "mod 2000)] += v[" in many.program


@pytest.mark.parametrize(
    ("number", "backend", "private"),
    [(7, "jit", None), (-1, "numpy", None), (0.5, "auto", nn.Privacy()), (1.0000000001, "jit", nn.Privacy())],
)
def test_fit_says_of_a_number_without_a_row_what_eager_mode_says(number, backend, private, capsys):
    net = nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Dropout(0.5), nn.Layer(4, 2, activation="identity", seed=1))
    fine = [[0, 1], [3, 4], [2, 2]] * 4
    wrong = [*fine[:-1], [2, number]]
    for X, held in ((wrong, fine), (fine, wrong)):
        with pytest.raises(ValueError, match=f"^Embedding takes whole numbers from 0 to 4, got {number}$"):
            nn.fit(
                net, X, [0, 1] * 6, loss="cross_entropy", batch_size=5, epochs=2, seed=0, progress=False,
                backend=backend, validation=(held, [0] * 12), private=private,
            )  # fmt: skip
    assert "eager mode" not in capsys.readouterr().err


def test_an_index_that_a_net_computes_is_refused_with_the_line_of_the_user():
    net = nn.Sequential(lambda x: take([[1.0], [2.0], [3.0]], x[0] + 1.0), nn.Layer(1, 2, seed=0))
    with pytest.raises(ValueError, match=r"got one that is computed at .*test_gather\.py:\d+; compute it outside"):
        nn.fit(net, [[0.0]] * 3, [[0.0, 1.0]] * 3, loss="mse", epochs=1, progress=False, backend="jit")


def test_bounds_are_those_of_the_shorter_list_where_an_index_takes_from_two():
    compiled = jit(partial(lambda short, long, i: short[i] + long[i]))
    assert compiled([1.0, 2.0], [1.0, 2.0, 3.0], -1) == 5.0
    with pytest.raises(IndexError, match="from -2 to 1 as indices of 2 rows, got 2"):
        compiled([1.0, 2.0], [1.0, 2.0, 3.0], 2)


@pytest.mark.parametrize(
    "f",
    [lambda rows, i: rows[0][i], lambda rows, i: [row[i] * row[i] for row in rows], lambda rows, i: rows[i]],
    ids=["a number", "a column", "a row"],
)
def test_arrays_take_for_each_example_what_all_have(f):
    given, indices = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], [0, 2, 1, 1]
    expected = [f(given, i) for i in indices]
    assert np.array_equal(jit(vmap(f, in_axes=(None, 0)), backend="numpy")(given, indices), expected)
    assert np.array_equal(jit(vmap(f, in_axes=(None, 0)))(given, indices), expected)


def test_a_training_takes_a_parameter_by_the_index_of_its_example_in_arrays_too():
    found = []
    for backend in ("llvm", "numpy"):
        loop = TrainingLoop(
            lambda p, e: square(p[e[0]] - e[1]), lambda p, g, slots, settings: (p - settings[0] * g, slots),
            [0.1, 0.2, 0.3], [[1.0, 0.5], [0.0, 1.0], [-1.0, 2.0], [1.0, 3.0]], settings=1, backend=backend,
        )  # fmt: skip
        loop.run(epochs=3, settings=[0.1])
        found.append(loop.parameters)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-14)
