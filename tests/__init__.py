"""Laws over the rows of the table, known answers, and what the project promises: `python -m pytest` runs them."""
