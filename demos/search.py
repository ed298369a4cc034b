"""Hyperparameters: Optuna and scikit-learn look for a better network, and say which choices matter.

A configuration is judged by its log loss in a cross-validation on 600 images, with the estimator of nn.sklearn and a
budget of a few epochs. Optuna chooses the next one by what it has seen (TPE: Bergstra et al., 2011), scikit-learn draws
as many at random; the best of each is then judged on held-out images. The data are the handwritten digits of the UCI
repository (Alpaydin & Kaynak, 1998, CC BY 4.0), from the scikit-learn package.
"""

import argparse
import sys
from types import SimpleNamespace
from typing import Any

import optuna
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold, cross_val_score, train_test_split

from demos.backend import backend
from demos.folder import Folder
from demos.search_drawings import Configuration, Tried, page, written
from nn.sklearn import NetworkClassifier
from nn.training.console import flagged_interrupt

ACTIVATIONS = ["relu", "tanh", "sigmoid"]
NEURONS, RATE, ALPHA = (4, 32), (1e-3, 0.3), (1e-4, 3.0)  # in the hidden layer; of Adam; of the l2 penalty


def run(options: argparse.Namespace) -> int:
    """Search twice, compare, draw; the exit status, which is 130 where Ctrl-C cut it short."""
    folder, status = Folder(options.out), 0
    X, y = load_digits(return_X_y=True)
    size, count, epochs = (200, 4, 3) if options.quick else (600, 20, 20)
    X, test_X, y, test_y = train_test_split(X / 16.0, y, train_size=size, random_state=options.seed, stratify=y)
    plain = NetworkClassifier(max_iter=options.epochs or epochs, random_state=options.seed, backend=backend())
    print(f"{len(y)} images to learn from, {len(test_y)} held out; {count} configurations a search\n", flush=True)
    folds = StratifiedKFold(3, shuffle=True, random_state=options.seed)
    told = SimpleNamespace(interrupted=False)  # of Ctrl-C, which is heard when the training at work has ended
    tried: dict[str, Tried] = {"Optuna": [], "scikit-learn": []}

    def scorer(who: str, trials: Tried) -> Any:
        """What judges trained networks, fold by fold, and notes each configuration that all folds have judged."""
        losses: list[float] = []

        def score(model: NetworkClassifier, images: Any, labels: Any) -> float:
            if told.interrupted:
                raise KeyboardInterrupt
            losses.append(loss := float(log_loss(labels, model.predict_proba(images))))
            if len(losses) == folds.n_splits:
                trials.append(({name: getattr(model, name) for name in space()}, sum(losses) / len(losses)))
                losses.clear()
                print(f"{who} {len(trials):3}: log loss {trials[-1][1]:.4f}   {written(trials[-1][0])}", flush=True)
            return -loss

        return score

    def loss_of(model: NetworkClassifier, score: Any) -> float:
        return -float(cross_val_score(model, X, y, cv=folds, scoring=score).mean())

    by_optuna, by_scikit_learn = (scorer(who, trials) for who, trials in tried.items())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    random = RandomizedSearchCV(plain, space(), n_iter=count, scoring=by_scikit_learn, cv=folds,
                                random_state=options.seed, refit=False)  # fmt: skip
    try:
        with flagged_interrupt(told):
            usual = loss_of(plain, scorer("as it comes", []))
            study.optimize(lambda t: loss_of(clone(plain).set_params(**suggested(t)), by_optuna), n_trials=count)
            random.fit(X, y)
    except KeyboardInterrupt:
        status, kept = 130, " and ".join(f"{len(trials)} configurations of {who}" for who, trials in tried.items())
        print(f"Stopped by Ctrl-C: {kept} are kept.", file=sys.stderr)
        if not tried["Optuna"]:
            return status

    models = {"logistic regression": LogisticRegression(max_iter=1000), "network as it comes": plain}
    for who, trials in tried.items():
        if trials:
            best, loss = min(trials, key=lambda trial: trial[1])
            print(f"\nbest of {who}: log loss {loss:.4f}   {written(best)}", end="")
            models[f"network by {who}"] = clone(plain).set_params(**best)
    judge(models, (X, y), (test_X, test_y))
    enough = len(tried["Optuna"]) > 1
    fanova = optuna.importance.FanovaImportanceEvaluator(seed=options.seed)
    importances = optuna.importance.get_param_importances(study, evaluator=fanova) if enough else {}
    folder.draw("search.png", (12, 4.6), lambda figure: page(figure, tried, usual, importances))
    return status


def judge(models: dict[str, Any], learn: tuple[Any, Any], test: tuple[Any, Any]) -> None:
    """Print how each does on the images that are held out."""
    print("\n\nheld out                  log loss   right")
    for who, model in models.items():
        guess = model.fit(*learn).predict_proba(test[0])
        print(f"{who:25} {log_loss(test[1], guess):8.4f} {(guess.argmax(1) == test[1]).mean():7.1%}", flush=True)


def space() -> Configuration:
    """Where scikit-learn draws from: lists of choices, and distributions."""
    return {
        "hidden_layer_sizes": randint(NEURONS[0], NEURONS[1] + 1),
        "activation": ACTIVATIONS,
        "learning_rate_init": loguniform(*RATE),
        "alpha": loguniform(*ALPHA),
    }


def suggested(trial: optuna.Trial) -> Configuration:
    """The same space in Optuna's words."""
    return {
        "hidden_layer_sizes": trial.suggest_int("hidden_layer_sizes", *NEURONS),
        "activation": trial.suggest_categorical("activation", ACTIVATIONS),
        "learning_rate_init": trial.suggest_float("learning_rate_init", *RATE, log=True),
        "alpha": trial.suggest_float("alpha", *ALPHA, log=True),
    }
