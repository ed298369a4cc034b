"""Networks made of Values: Modules, layers, initialisers, losses, optimisers."""

from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from . import activations, init, losses, optim, penalties, schedules
from .activations import ACTIVATIONS
from .blocks import Activation, Dropout, Embedding, LayerNorm, Sequential
from .elsewhere import name_here
from .files.saving import load, save
from .init import INITIALISERS
from .layers import MLP, Layer, Neuron
from .losses import LOSSES, binary_cross_entropy, cross_entropy, hinge, huber, kl_divergence, mae, mse
from .module import Module
from .network import NeuralNetwork
from .optim import OPTIMISERS, SGD, Adagrad, Adam, AdamW, Optimiser, RMSprop
from .penalties import l1, l2
from .schedules import SCHEDULES
from .summary import summary
from .training.early_stopping import EarlyStopping
from .training.fit import Trainer, fit
from .training.privacy import Privacy

__all__ = [
    "ACTIVATIONS", "Activation", "Adagrad", "Adam", "AdamW", "Dropout", "EarlyStopping", "Embedding",
    "INITIALISERS", "LOSSES", "Layer", "LayerNorm", "MLP", "Module", "NeuralNetwork", "Neuron", "OPTIMISERS",
    "Optimiser", "Privacy", "RMSprop", "SCHEDULES", "SGD", "Sequential", "Trainer", "activations",
    "binary_cross_entropy", "cross_entropy", "diagnose", "fit", "from_torch", "hinge", "huber", "init",
    "kl_divergence", "l1", "l2", "load", "losses", "mae", "mse", "optim", "penalties", "plot_activation",
    "plot_activations", "plot_gradient_flow", "plot_saliency", "plot_weights", "save", "schedules", "summary",
    "to_onnx", "to_torch", "training_view",
]  # fmt: skip

# Public names that are resolved on first use.
_ROOMS = {
    "diagnose": "diagnosis.diagnose", "from_torch": "exchange.pytorch", "plot_activation": "plots.plots",
    "plot_activations": "plots.plots", "plot_gradient_flow": "plots.plots", "plot_saliency": "plots.images",
    "plot_weights": "plots.images", "to_onnx": "exchange.onnx", "to_torch": "exchange.pytorch",
    "training_view": "training.widget",
}  # fmt: skip


def __dir__() -> list[str]:
    """The public names, those not loaded yet among them: for completion."""
    return sorted({*__all__} | {name for name in globals() if name.startswith("__")})


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    hint = "" if name.startswith("_") else name_here(name, __all__)
    raise AttributeError(f"nn has no {name!r}{hint}")


def _in_room(room: ModuleType, name: str) -> Any:
    """What a module of nn's says of a name that it has not."""
    own = [n for n, x in vars(room).items() if getattr(x, "__module__", "") == room.__name__]
    hint = "" if name.startswith("_") else name_here(name, own)
    raise AttributeError(f"{room.__name__} has no {name!r}{hint}")


for _room in (activations, init, losses, optim, penalties, schedules):
    vars(_room)["__getattr__"] = partial(_in_room, _room)
