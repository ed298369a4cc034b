"""A team of threads that share the rounds of a loop: native code that divides them, and the threads that take their part.

The caller's thread opens a phase, works, and waits for those who came to work with it; it waits for nobody else. Each thread
takes rounds from a share of its own, which is the same in every step so that its numbers stay in its core's cache, and then
from the others' (Chase & Lev, Dynamic circular work-stealing deque, 2005, is the idea; here a counter a share does). So a
thread that the system has put aside delays no one, and who computes a round makes no difference to its result.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import threading
import weakref
from _thread import LockType
from collections.abc import Callable
from functools import cache
from string import Template
from typing import ClassVar

from .native_code import Compiled, Turn
from .processor import LOCK, llvm

DIVIDE = "chainrule_divide"  # what native code calls, wherever it is
LINE = 8  # words of a line of the cache: what several threads write lies so far apart
# Where the words of a team are. A phase is open while the first is odd.
PHASE, BUSY, FUNCTION, STOP, ACTIVE, SHARES = 0, 8, 16, 24, 32, 40
PATIENCE = 4000  # looks for work, some 0.1 ms, after which a thread that has none goes to sleep

PAUSE = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.hint(i32 1)"}
NAMES = {"amd64": "x86_64", "arm64": "aarch64"}

CODE = """
declare void @$YIELD()
$DECLARED

; Every 64th look leaves the core to others.
define internal void @rest(i64 %turn) {
  %low = and i64 %turn, 63
  %last = icmp eq i64 %low, 63
  br i1 %last, label %yield, label %pause
yield:
  call void @$YIELD()
  ret void
pause:
  $PAUSE
  ret void
}

; Take rounds as long as there are any: from the own share, then from the next.
define internal void @work(ptr %team, i64 %me) {
  %at = getelementptr i64, ptr %team, i64 $FUNCTION
  %function = load ptr, ptr %at
  %at.arguments = getelementptr i64, ptr %at, i64 1
  %arguments = load ptr, ptr %at.arguments
  %at.grain = getelementptr i64, ptr %at, i64 2
  %grain = load i64, ptr %at.grain
  %at.threads = getelementptr i64, ptr %at, i64 3
  %threads = load i64, ptr %at.threads
  br label %share
share:
  %k = phi i64 [ 0, %0 ], [ %k.next, %next ]
  %sum = add i64 %me, %k
  %who = urem i64 %sum, %threads
  %word = mul i64 %who, $LINE
  %from = add i64 %word, $SHARES
  %counter = getelementptr i64, ptr %team, i64 %from
  %at.end = getelementptr i64, ptr %counter, i64 1
  %end = load i64, ptr %at.end
  br label %take
take:
  %begin = atomicrmw add ptr %counter, i64 %grain seq_cst
  %some = icmp slt i64 %begin, %end
  br i1 %some, label %run, label %next
run:
  %wanted = add i64 %begin, %grain
  %less = icmp slt i64 %wanted, %end
  %stop = select i1 %less, i64 %wanted, i64 %end
  call void %function(ptr %arguments, i64 %begin, i64 %stop)
  br label %take
next:
  %k.next = add i64 %k, 1
  %more = icmp slt i64 %k.next, %threads
  br i1 %more, label %share, label %done
done:
  ret void
}

; Run function(arguments, begin, end) over rounds from 0 to count, by whoever is there; without a team by the caller.
define void @$DIVIDE(ptr %team, ptr %function, ptr %arguments, i64 %count) {
  %is.alone = icmp eq ptr %team, null
  br i1 %is.alone, label %solo, label %several
solo:
  call void %function(ptr %arguments, i64 0, i64 %count)
  ret void
several:
  %at = getelementptr i64, ptr %team, i64 $FUNCTION
  store ptr %function, ptr %at
  %at.arguments = getelementptr i64, ptr %at, i64 1
  store ptr %arguments, ptr %at.arguments
  %at.threads = getelementptr i64, ptr %at, i64 3
  %threads = load i64, ptr %at.threads
  %pieces = mul i64 %threads, 8
  %even = udiv i64 %count, %pieces
  %none = icmp eq i64 %even, 0
  %grain = select i1 %none, i64 1, i64 %even
  %at.grain = getelementptr i64, ptr %at, i64 2
  store i64 %grain, ptr %at.grain
  br label %share
share:
  %k = phi i64 [ 0, %several ], [ %k.next, %share ]
  %k.next = add i64 %k, 1
  %low = mul i64 %count, %k
  %first = udiv i64 %low, %threads
  %high = mul i64 %count, %k.next
  %last = udiv i64 %high, %threads
  %word = mul i64 %k, $LINE
  %from = add i64 %word, $SHARES
  %counter = getelementptr i64, ptr %team, i64 %from
  store i64 %first, ptr %counter
  %at.end = getelementptr i64, ptr %counter, i64 1
  store i64 %last, ptr %at.end
  %more = icmp slt i64 %k.next, %threads
  br i1 %more, label %share, label %open
open:
  %even.phase = atomicrmw add ptr %team, i64 1 seq_cst
  %at.me = getelementptr i64, ptr %at, i64 4
  %me = load i64, ptr %at.me
  call void @work(ptr %team, i64 %me)
  %odd.phase = atomicrmw add ptr %team, i64 1 seq_cst
  %busy = getelementptr i64, ptr %team, i64 $BUSY
  br label %wait
wait:
  %turn = phi i64 [ 0, %open ], [ %turn.next, %again ]
  %turn.next = add i64 %turn, 1
  %others = load atomic i64, ptr %busy seq_cst, align 8
  %alone = icmp eq i64 %others, 0
  br i1 %alone, label %done, label %again
again:
  call void @rest(i64 %turn)
  br label %wait
done:
  ret void
}

; What a thread does: work in each phase, until there was none for so many looks outside calls, or the team is dropped.
define void @serve(ptr %team, i64 %me, i64 %patience) {
  %busy = getelementptr i64, ptr %team, i64 $BUSY
  %at.stop = getelementptr i64, ptr %team, i64 $STOP
  %at.active = getelementptr i64, ptr %team, i64 $ACTIVE
  br label %look
look:
  %seen = phi i64 [ 0, %0 ], [ %seen, %again ], [ %phase, %leave ]
  %turn = phi i64 [ 0, %0 ], [ %turn.next, %again ], [ 0, %leave ]
  %phase = load atomic i64, ptr %team seq_cst, align 8
  %odd = and i64 %phase, 1
  %is.open = icmp eq i64 %odd, 1
  %is.new = icmp ne i64 %phase, %seen
  %go = and i1 %is.open, %is.new
  br i1 %go, label %enter, label %idle
enter:
  %before = atomicrmw add ptr %busy, i64 1 seq_cst
  %now = load atomic i64, ptr %team seq_cst, align 8
  %same = icmp eq i64 %now, %phase
  br i1 %same, label %help, label %leave
help:
  call void @work(ptr %team, i64 %me)
  br label %leave
leave:
  %after = atomicrmw sub ptr %busy, i64 1 seq_cst
  br label %look
idle:
  %stop = load atomic i64, ptr %at.stop seq_cst, align 8
  %is.over = icmp ne i64 %stop, 0
  br i1 %is.over, label %done, label %wait
wait:
  %active = load atomic i64, ptr %at.active seq_cst, align 8
  %turn.next = add i64 %turn, 1
  %is.late = icmp sgt i64 %turn.next, %patience
  %is.free = icmp eq i64 %active, 0
  %sleep = and i1 %is.late, %is.free
  br i1 %sleep, label %done, label %again
again:
  call void @rest(i64 %turn)
  br label %look
done:
  ret void
}

; function(context, team): with the team, if nobody else is at work with it, else without.
define void @call(ptr %team, ptr %function, ptr %context) {
  %active = getelementptr i64, ptr %team, i64 $ACTIVE
  %pair = cmpxchg ptr %active, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %pair, 1
  %given = select i1 %mine, ptr %team, ptr null
  call void %function(ptr %context, ptr %given)
  br i1 %mine, label %end, label %done
end:
  store atomic i64 0, ptr %active seq_cst, align 8
  br label %done
done:
  ret void
}
"""


def team_code() -> Compiled:
    """The code of all teams, compiled once; from then on native code finds in it what it calls."""
    with LOCK:
        return _code()


@cache
def _code() -> Compiled:
    machine = platform.machine().lower()
    pause = PAUSE.get(NAMES.get(machine, machine), "")
    text = Template(CODE).substitute(
        globals(),
        YIELD="SwitchToThread" if os.name == "nt" else "sched_yield",
        DECLARED=pause and f"declare void @{pause.replace(' 1', '')}",
        PAUSE=pause and f"call void @{pause}",
    )
    code = Compiled(text, 2, False)
    llvm().add_symbol(DIVIDE, code.address(DIVIDE))
    return code


class Team:
    """Threads that wait for native code to divide its loops; those who ask for as many share one (`Team.of`).

    They start with the first call, sleep when there is nothing to do, and end when the last who asked for the team is gone.
    In a child process they start anew: threads are not copied.

    Args:
        threads: how many work together, that of the caller included.
    """

    _teams: ClassVar[weakref.WeakValueDictionary[int, Team]] = weakref.WeakValueDictionary()
    _looking = Turn()

    def __init__(self, threads: int) -> None:
        self._threads, self._process = threads, 0
        self._call = team_code().function("call", *[ctypes.c_void_p] * 3)

    @classmethod
    def of(cls, threads: int) -> Team | None:
        """The team of so many; None for one alone."""
        if threads == 1:
            return None
        with cls._looking.taken():
            team = cls._teams.get(threads)
            if team is None:
                team = cls._teams[threads] = cls(threads)
            return team

    def call(self, function: int, context: int) -> None:
        """Call a native function, (context, team), with the team; with none where others are at work with it."""
        if self._process != os.getpid():
            with self._looking.taken():
                if self._process != os.getpid():
                    self._start()
        _wake(self._asleep)
        self._call(self._at, function, context)

    def _start(self) -> None:
        words = (ctypes.c_int64 * (SHARES + LINE * (self._threads + 1)))()
        self._words, self._at = words, ctypes.addressof(words)  # from where on is no matter: lines are apart
        words[FUNCTION + 3] = self._threads
        serve = team_code().function("serve", ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self._asleep = [threading.Lock() for _ in range(self._threads - 1)]
        self._process = os.getpid()
        weakref.finalize(self, _stop, words, self._asleep, self._process)
        for me, lock in enumerate(self._asleep, 1):
            lock.acquire()
            thread = threading.Thread(target=_work, args=(serve, words, me, lock), name=f"chainrule-{me}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more: those that are there do its part
                break


def _work(serve: Callable[[int, int, int], None], words: ctypes.Array[ctypes.c_int64], me: int, lock: LockType) -> None:
    """The life of a thread of a team."""
    while not words[STOP]:
        lock.acquire()
        serve(ctypes.addressof(words), me, PATIENCE)


def _stop(words: ctypes.Array[ctypes.c_int64], locks: list[LockType], process: int) -> None:
    """Let the threads of a team end."""
    words[STOP] = 1
    if process == os.getpid():
        _wake(locks)


def _wake(locks: list[LockType]) -> None:
    """Let go of what threads wait for."""
    for lock in locks:
        if lock.locked():
            with contextlib.suppress(RuntimeError):  # another thread was faster
                lock.release()
