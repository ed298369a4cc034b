"""Plots of activations, weights, gradients and what an output looks at."""
