"""Ctrl-C, pressed in a test at a place it names."""

import signal


def press_at_call(monkeypatch, owner, name, nth):
    """Press it when a function, an attribute of owner, is called for the nth time; the call goes on."""
    real, calls = getattr(owner, name), []

    def pressing(*what, **how):
        calls.append(what)
        if len(calls) == nth:
            signal.raise_signal(signal.SIGINT)
        return real(*what, **how)

    monkeypatch.setattr(owner, name, pressing)
