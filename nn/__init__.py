"""Networks made of Values: Modules, layers, initialisers, losses, optimisers."""

from . import activations, init, losses, optim
from .activations import ACTIVATIONS
from .files import load, save
from .init import INITIALISERS
from .layers import MLP, Layer, Neuron
from .losses import binary_cross_entropy, cross_entropy, hinge, mse
from .module import Module
from .optim import SGD, Adam, Optimiser

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "MLP",
    "SGD",
    "Adam",
    "Layer",
    "Module",
    "Neuron",
    "Optimiser",
    "activations",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "init",
    "load",
    "losses",
    "mse",
    "optim",
    "save",
]
