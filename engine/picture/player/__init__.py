"""Pictures that move: the player, films, and the live picture of a notebook."""
