"""The course: `python -m notebooks` runs its notebooks afresh and writes them back."""
