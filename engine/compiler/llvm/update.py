"""The update of parameters in the store of their gradients, so that both pass through the cache once."""

from __future__ import annotations

from ..front.trace import INPUT, PARAMETER, Trace
from ..loops.placement import Placement
from ..loops.program import Polynomial, Statement
from .emission import Emitter
from .memory import SETTINGS, SLOTS, Buffers, Copy, Memo
from .native_functions import part_loaded, part_stored
from .processor import Target
from .vectors import I64, declared, ir

SHORT = 8  # instructions of an update that is written into every store; a longer one is a function


class Update(Emitter):
    """Writes the update of a vector of parameters whose gradients are in a register.

    Args:
        placement, trace: the update of one parameter, instructions without a loop that need no memory.
        target, lanes: as for `Emitter`; parameters a vector.
        slots: numbers of state per parameter.
    """

    _given: list[ir.Value]
    _made: dict[int, ir.Value]

    def __init__(self, placement: Placement, trace: Trace, target: Target, lanes: int, slots: int) -> None:
        super().__init__(placement, trace, target, lanes, name="update")
        self.spaces = [PARAMETER, *range(SLOTS, SLOTS + slots)]

    @staticmethod
    def is_plain(placement: Placement) -> bool:
        """Can it be written where a gradient is stored?"""
        return not placement.size and all(isinstance(n, Statement) for n in placement.parts.body)

    @staticmethod
    def reads_behind(placement: Placement) -> bool:
        """Does it read a number after it wrote what takes that number's place? Where it is in parts it may."""
        if any(placement.parts.segments) or not all(isinstance(n, Statement) for n in placement.parts.body):
            return True
        read, written = set[int | None](), set[int | None]()
        for s in placement.statements:
            sources = [x for x in placement.sources[s] if isinstance(x, tuple) and x[0] == INPUT]
            for k in [p.number() for _, p in sources]:  # the parameter, its gradient, then the slots: read once
                if k not in read and k != 1 and max(0, (k or 0) - 1) in written:
                    return True
                read.add(k)
            if s.op == "output":
                written.add(s.target.number())
        return False

    def at(self, b: ir.IRBuilder, buffers: Buffers, index: ir.Value, gradient: ir.Value, size: int) -> None:
        """Write: the update of so many parameters from one on, of the whole vector in a function if it is long."""
        if size < self.lanes or len(self.placement.statements) <= SHORT:
            self._write_part(b, buffers, index, gradient, size)
            return
        spaces = [SETTINGS, *self.spaces]
        given = [*[buffers.pointers[s] for s in spaces], *[buffers.sizes[s] for s in spaces], index, gradient]
        name = f"{self.name}.vector"
        known = b.module.globals.get(name)
        if known is None:
            known = declared(b.module, name, ir.VoidType(), [v.type for v in given])
            known.linkage = "internal"
            known.attributes.add("noinline")
            inner, args = ir.IRBuilder(known.append_basic_block("entry")), known.args
            many = len(spaces)
            own = Buffers(dict(zip(spaces, args)), dict(zip(spaces, args[many:])), I64(1))
            self._write_part(inner, own, args[-2], args[-1], size)
            inner.ret_void()
        b.call(known, given)

    def _write_part(self, b: ir.IRBuilder, buffers: Buffers, index: ir.Value, gradient: ir.Value, size: int) -> None:
        self.begin(b, buffers)
        pointers = [self.guarded(space, index, size) for space in self.spaces]
        parameter, *slots = [part_loaded(self.vectors, pointer, size) for pointer in pointers]
        self._given, self._made = [parameter, gradient, *slots], {}
        self.buffers = Buffers(
            {PARAMETER: buffers.pointers[SETTINGS]}, {PARAMETER: buffers.sizes[SETTINGS]}, buffers.stride
        )
        self._statements(self.placement.statements, [Copy()], {})
        for k, value in self._made.items():
            part_stored(self.vectors, value, pointers[k], size)

    def _load(self, space: int, p: Polynomial, copy: Copy, memo: Memo) -> ir.Value:
        return self._given[p.number() or 0] if space == INPUT else super()._load(space, p, copy, memo)

    def write(self, space: int, p: Polynomial, value: ir.Value, copy: Copy) -> None:
        """Keep what is an output, to be stored."""
        self._made[p.number() or 0] = value
