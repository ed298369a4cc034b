"""An expression given as text, as a graph: arithmetic and the functions of the table; nothing is evaluated as Python."""

import ast
from collections.abc import Callable, Mapping

from ..lists import dot
from ..rule import TABLE
from ..value import Value

LONGEST = 10_000  # characters

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "power"}
_COMPARED = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal",
    ast.NotEq: "not_equal",
}  # fmt: skip

Operand = float | Value | list[float | Value]


def graph_of(text: str, at: Mapping[str, float]) -> Value:
    """The graph of an expression, its variables labelled leaves.

    Args:
        text: such as "tanh(w*x + b)"; several lines or parts after `;` may name steps first: "z = w*x + b; tanh(z)".
        at: the value of each variable.

    Returns:
        The Value of the last part.

    Raises:
        ValueError: something other than + - * / **, comparisons, numbers, names, lists and the table's functions, or a
            variable without a value or a value without a variable.

    >>> graph_of("w*x + b", {"w": 2.0, "x": 3.0, "b": 1.0}).data
    7.0
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression takes up to {LONGEST:,} characters, got {len(text):,}")
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        what = e.msg if isinstance(e, SyntaxError) else "it nests too deeply"
        raise ValueError(f"an expression takes Python's notation, got {text!r:.60}: {what}") from None
    reader = _ExpressionReader(at)
    result: Operand | None = None
    for statement in body:
        result = reader.statement(statement)
    unused = [name for name in at if name not in reader.used]
    if result is None or isinstance(result, list):
        raise ValueError(f"an expression takes one result, got {text!r:.60}; end with an expression")
    if unused:
        raise ValueError(
            f"--at takes the variables of the expression ({', '.join(reader.used) or 'none'}), got {', '.join(unused)}"
        )
    root = result if isinstance(result, Value) else Value(result)
    if not root.label and root.op is not None:
        root.label = next((name for name in ("L", "out") if name not in reader.named), "")
    return root


class _ExpressionReader:
    def __init__(self, at: Mapping[str, float]) -> None:
        self._at = at
        self.named: dict[str, Operand] = {}
        self.used: list[str] = []

    def statement(self, node: ast.stmt) -> Operand:
        if isinstance(node, ast.Expr):
            return self._result(node.value)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, result = node.targets[0].id, self._result(node.value)
            if name in self._at:
                raise ValueError(f"an expression takes a new name for each step, got {name!r}, which --at gives")
            if isinstance(result, Value) and not result.label:
                result.label = name
            self.named[name] = result
            return result
        raise _illegal(node)

    def _result(self, expression: ast.expr) -> Operand:
        """Operands first, with a stack: a sum of a thousand terms is a thousand levels deep."""
        values: dict[int, Operand] = {}
        stack: list[tuple[ast.expr, bool]] = [(expression, False)]
        while stack:
            node, opened = stack.pop()
            parts = _parts(node)
            if opened or not parts:
                values[id(node)] = self._value(node, [values[id(p)] for p in parts])
            else:
                stack.append((node, True))
                stack += [(p, False) for p in reversed(parts)]
        return values[id(expression)]

    def _value(self, node: ast.expr, parts: list[Operand]) -> Operand:
        if isinstance(node, ast.Constant):
            return _number(node)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.List):
            elements = [p for p in parts if not isinstance(p, list)]
            if len(elements) < len(parts):
                raise _illegal(node)
            return elements
        try:
            result: Operand = _row(node)(*parts)
            return result
        except (TypeError, ValueError) as e:
            raise ValueError(
                f"the expression takes calls that the table can answer, got {_shown(node):.60}: {e}"
            ) from None

    def _name(self, name: str) -> Operand:
        if name not in self.named:
            if name not in self._at:
                raise ValueError(
                    f"the expression takes a value for each variable, got none for {name!r}; try --at {name}=1"
                )
            self.named[name] = Value(self._at[name], label=name)
            self.used.append(name)
        return self.named[name]


def _row(node: ast.expr) -> Callable[..., Operand]:
    """What a node of the syntax that `_parts` let pass computes from its operands."""
    if isinstance(node, ast.BinOp):
        return TABLE[_BINARY[type(node.op)]]
    if isinstance(node, ast.UnaryOp):
        return TABLE["neg"] if isinstance(node.op, ast.USub) else lambda x: x
    if isinstance(node, ast.Compare):
        return TABLE[_COMPARED[type(node.ops[0])]]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return dot if node.func.id == "dot" else TABLE[node.func.id]
    raise _illegal(node)


def _parts(node: ast.expr) -> list[ast.expr]:
    """The operands of what is allowed; a ValueError for all else."""
    if isinstance(node, (ast.Constant, ast.Name)):
        return []
    if isinstance(node, ast.List):
        return node.elts
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        return [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in TABLE:
            raise ValueError(
                f"an expression takes functions of the table ({', '.join(sorted(TABLE))}), got {node.func.id!r}"
            )
        if not any(isinstance(a, ast.Starred) for a in node.args):
            return node.args
    raise _illegal(node)


def _number(node: ast.Constant) -> float:
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        try:
            return float(node.value)
        except OverflowError:
            raise ValueError("an expression takes numbers that fit a float (up to 1.8e308), got a larger one") from None
    raise _illegal(node)


def _illegal(node: ast.AST) -> ValueError:
    return ValueError(
        f"an expression takes + - * / **, comparisons, numbers, names, lists and the table's functions, got {_shown(node)!r:.60}"
    )


def _shown(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return "a deeply nested part"
