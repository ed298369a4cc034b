"""Networks made of Values: Modules, layers, initialisers, losses, optimisers."""

from . import activations, init, losses, optim, penalties, schedules
from .activations import ACTIVATIONS
from .blocks import Dropout, Embedding, LayerNorm, Sequential
from .files import load, save
from .init import INITIALISERS
from .layers import MLP, Layer, Neuron
from .losses import LOSSES, binary_cross_entropy, cross_entropy, hinge, huber, kl_divergence, mae, mse
from .module import Module
from .optim import OPTIMISERS, SGD, Adagrad, Adam, AdamW, Optimiser, RMSprop
from .options import EarlyStopping
from .penalties import l1, l2
from .schedules import SCHEDULES
from .training import Trainer, fit

__all__ = [
    "ACTIVATIONS",
    "Adagrad",
    "Adam",
    "AdamW",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "INITIALISERS",
    "LOSSES",
    "Layer",
    "LayerNorm",
    "MLP",
    "Module",
    "Neuron",
    "OPTIMISERS",
    "Optimiser",
    "RMSprop",
    "SCHEDULES",
    "SGD",
    "Sequential",
    "Trainer",
    "activations",
    "binary_cross_entropy",
    "cross_entropy",
    "fit",
    "hinge",
    "huber",
    "init",
    "kl_divergence",
    "l1",
    "l2",
    "load",
    "losses",
    "mae",
    "mse",
    "optim",
    "penalties",
    "save",
    "schedules",
]
