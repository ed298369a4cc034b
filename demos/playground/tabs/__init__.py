"""The tabs of the playground: NAME.html is what stands in it, NAME.js moves it, NAME.py answers it in Python."""
