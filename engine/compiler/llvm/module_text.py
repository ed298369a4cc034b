"""The text of an LLVM module, for LLVM to read: llvmlite's own printer takes as long as all that makes what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .vectors import ir

References = dict[int, str]  # of the values of a function, by identity


def module_text(module: ir.Module) -> str:
    """A module as LLVM reads it."""
    functions = [_function(v) if getattr(v, "blocks", None) else str(v) for v in module.globals.values()]
    return "\n".join([str(ir.Module(module.name)), *functions, *map(str, module.metadata)])


def _function(function: ir.Function) -> str:
    lines = list[str]()
    function.descr_prototype(lines)
    blocks = function.blocks
    values = [v for block in blocks for v in (block, *block.instructions)]
    known = {id(v): f'%"{v.name}"' for v in values}
    lines.append("{\n")
    for block in blocks:
        lines.append(f"{known[id(block)][1:]}:\n")
        for i in block.instructions:
            line = None if i.metadata else LINES.get(i.__class__)
            lines.append(f"  {i if line is None else line(i, known)}\n")
    lines.append("}\n")
    return "".join(lines)


def _typed(values: list[ir.Value], known: References) -> str:
    return ", ".join([f"{v.type!s} {known.get(id(v)) or v.get_reference()}" for v in values])


def _flags(i: ir.Instruction) -> str:
    return f" {' '.join(i.flags)}" if i.flags else ""


def _plain(i: ir.Instruction, known: References) -> str:
    operands = ", ".join([known.get(id(v)) or v.get_reference() for v in i.operands])
    return f"{known[id(i)]} = {i.opname}{_flags(i)} {i.type!s} {operands}"


def _of_any(i: ir.Instruction, known: References) -> str:
    return f"{known[id(i)]} = {i.opname}{_flags(i)} {_typed(i.operands, known)}"


def _comparison(i: ir.CompareInstr, known: References) -> str:
    a, b = i.operands
    return (
        f"{known[id(i)]} = {i.opname}{_flags(i)} {i.op} {_typed([a], known)}, {known.get(id(b)) or b.get_reference()}"
    )


def _address(i: ir.GEPInstr, known: References) -> str:
    inbounds = " inbounds" if i.inbounds else ""
    return f"{known[id(i)]} = getelementptr{inbounds} {i.source_etype!s}, {_typed(i.operands, known)}"


def _aligned(i: ir.LoadInstr | ir.StoreInstr) -> str:
    return "" if i.align is None else f", align {i.align}"


def _load(i: ir.LoadInstr, known: References) -> str:
    return f"{known[id(i)]} = load {i.type!s}, {_typed(i.operands, known)}{_aligned(i)}"


def _store(i: ir.StoreInstr, known: References) -> str:
    return f"store {_typed(i.operands, known)}{_aligned(i)}"


def _phi(i: ir.PhiInstr, known: References) -> str:
    ways = ", ".join([f"[{known.get(id(v)) or v.get_reference()}, {known[id(block)]}]" for v, block in i.incomings])
    return f"{known[id(i)]} = phi{_flags(i)} {i.type!s} {ways}"


def _end(i: ir.Instruction, known: References) -> str:
    return f"{i.opname} {_typed(i.operands, known)}"


# The instructions that there are many of; llvmlite writes the others.
LINES: dict[type, Callable[[Any, References], str]] = {
    ir.Instruction: _plain,
    ir.SelectInstr: _of_any, ir.InsertElement: _of_any, ir.ExtractElement: _of_any, ir.ShuffleVector: _of_any,
    ir.ICMPInstr: _comparison, ir.FCMPInstr: _comparison,
    ir.GEPInstr: _address, ir.LoadInstr: _load, ir.StoreInstr: _store, ir.PhiInstr: _phi,
    ir.Branch: _end, ir.ConditionalBranch: _end,
}  # fmt: skip
