"""What keeps a network from learning: measured, named, and where it begins."""
