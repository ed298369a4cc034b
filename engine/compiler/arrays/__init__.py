"""Arrays: what a rolled program computes, as formulas of vectors and matrices, for readers and for NumPy."""
