"""Ctrl-C, pressed in a test at a place it names."""

import signal
import sys


def press_at_call(monkeypatch, owner, name, nth):
    """Press it when a function, an attribute of owner, is called for the nth time; the call goes on."""
    real, calls = getattr(owner, name), []

    def pressing(*what, **how):
        calls.append(what)
        if len(calls) == nth:
            signal.raise_signal(signal.SIGINT)
        return real(*what, **how)

    monkeypatch.setattr(owner, name, pressing)


def pressed_at_each_call(function, *files, before=lambda: None):
    """Run a function again and again, Ctrl-C pressed at the first, second, … place in some files where Python hears it.

    It hears a signal where a Python function begins, and after each call of a function in C. Yields each
    KeyboardInterrupt, until one run is not interrupted. What is called before each run is not interrupted.
    """
    nth = 0
    while True:
        nth += 1
        left = [nth]

        def profile(frame, event, argument, left=left):
            del argument  # the function in C, which a traceback would hold
            if frame.f_code.co_filename in files and event in ("call", "c_return"):
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt

        before()
        other = sys.getprofile()
        sys.setprofile(profile)
        try:
            function()
        except KeyboardInterrupt as error:
            sys.setprofile(other)
            yield error
        else:
            return
        finally:
            sys.setprofile(other)
