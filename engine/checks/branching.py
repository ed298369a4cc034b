"""References that compare, on balls that reach across a kink: every branch that may be taken is run."""

from collections.abc import Sequence

from .balls import ARITHMETIC, Ball, Operand, Quantity, Reference, constant


class _Plan:
    """The answers to comparisons that the balls leave open, in the order they are asked."""

    def __init__(self, answers: Sequence[bool]) -> None:
        self.given = list(answers)
        self.taken: list[bool] = []
        self.asked = False

    def answer(self, difference: Ball) -> bool:
        self.asked = True
        if difference > 0:
            return True
        if difference < 0:
            return False
        k = len(self.taken)
        self.taken.append(self.given[k] if k < len(self.given) else True)
        return self.taken[-1]


class _Branching:
    """An operand whose comparisons are answered by the plan where its ball reaches across the kink."""

    __slots__ = ("plan", "x")

    def __init__(self, x: Quantity, plan: _Plan) -> None:
        self.x, self.plan = x, plan

    def __gt__(self, other: Quantity) -> bool:
        return self.plan.answer(constant(self.x) - constant(_bare(other)))

    def __lt__(self, other: Quantity) -> bool:
        return self.plan.answer(constant(_bare(other)) - constant(self.x))

    def __bool__(self) -> bool:
        c = constant(self.x)
        self.plan.asked = True
        return not c.is_zero() and self.plan.answer(abs(c))

    def __neg__(self) -> "_Branching":
        return _Branching(-self.x, self.plan)


def _bare(x: Quantity) -> Quantity:
    return x.x if x.__class__ is _Branching else x


def _add_operator(name: str) -> None:
    def method(self: _Branching, other: Quantity) -> _Branching:
        result = getattr(self.x, name)(_bare(other))
        if result is NotImplemented:  # an arb with a series
            mirror = f"__{name[3:]}" if name.startswith("__r") else f"__r{name[2:]}"
            result = getattr(_bare(other), mirror)(self.x)
        return _Branching(result, self.plan)

    setattr(_Branching, name, method)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _add_operator(f"__{_name}__")
    _add_operator(f"__r{_name}__")


class _BranchingArithmetic:
    """`Arithmetic` for operands that branch."""

    def __init__(self, plan: _Plan) -> None:
        self.plan = plan

    def __getattr__(self, name: str) -> Quantity:
        function = getattr(ARITHMETIC, name)
        if not callable(function):
            return function
        return lambda *args: _Branching(function(*map(_bare, args)), self.plan)


def branches(function: Reference, args: Sequence[Operand]) -> tuple[list[Quantity], bool]:
    """The results of a reference on every path that its comparisons may take, and whether it compared at all."""
    results, plans, asked = [], [_Plan(())], False
    while plans:
        plan = plans.pop()
        arithmetic = _BranchingArithmetic(plan)
        boxes = [[_Branching(e, plan) for e in a] if a.__class__ is list else _Branching(a, plan) for a in args]
        results.append(_bare(function(arithmetic, *boxes)))
        asked = asked or plan.asked
        new = range(len(plan.given), len(plan.taken))
        plans.extend([_Plan([*plan.taken[:k], not plan.taken[k]]) for k in new])
    return results, asked


def hull(balls: Sequence[Ball]) -> Ball:
    """The smallest ball around some."""
    whole = balls[0]
    for b in balls[1:]:
        whole = whole.union(b)
    return whole
