"""Tasks from start to end: `python -m demos` lists them and runs the main one.

A demo is a module here, named in `demos.__main__.DEMOS`. The first line of its docstring is its title; its
`run(options)` gets `epochs` (None where it is not given), `seed`, `out` and `quick`, and returns the exit status: 0, or
130 where Ctrl-C cut a training short (`Trainer.interrupted`) and what was learned until then was kept. It trains with
`backend=backend()` of `demos.backend`, writes files through `demos.folder.Folder`, and prints to stdout only.
"""
