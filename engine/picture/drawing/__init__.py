"""A picture's model drawn: as DOT, SVG, LaTeX, and in a terminal."""
