"""The chain rule in words: notation, names and formulas of a graph, and what explains it."""
