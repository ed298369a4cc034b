"""From a trace to a program: the repetitions in it, and where their numbers lie."""
