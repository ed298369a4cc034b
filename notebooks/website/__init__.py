"""`python -m notebooks site`: the course, the reference and the pictures as pages that need no server and no network."""
