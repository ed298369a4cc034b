"""Tasks from start to end: `python -m demos` lists them and runs the main one."""
