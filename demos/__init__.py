"""Tasks from start to end: `python -m demos` runs the main one, `python -m demos --help` lists all.

A demo is a module here, named in `demos.__main__.DEMOS`. The first line of its docstring is its title; its
`run(options)` gets `epochs` (None where it is not given), `seed`, `out`, `quick` and `no_open`, and returns the exit status: 0, or
130 where Ctrl-C cut a training short (`Trainer.interrupted`) and what was learned until then was kept. It trains with
`backend=backend()` of `demos.backend`, writes files through `demos.folder.Folder`, and prints to stdout only.
"""
