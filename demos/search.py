"""Hyperparameters: Optuna and scikit-learn look for a better network, and say which choices matter.

A configuration is judged by its log loss in a cross-validation on 200 images, with the estimator of nn.sklearn and a
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

from demos.folder import Folder
from demos.search_drawings import Configuration, Tried, page
from nn.interruption import flagged_interrupt
from nn.sklearn import NetworkClassifier

ACTIVATIONS = ["relu", "tanh", "sigmoid"]
NEURONS, RATE, ALPHA = (2, 16), (1e-3, 0.3), (1e-4, 3.0)  # in the hidden layer; of Adam; of the l2 penalty


def run(options: argparse.Namespace) -> int:
    """Search twice, compare, draw; the exit status, which is 130 where Ctrl-C cut it short."""
    folder, status = Folder(options.out), 0
    X, y = load_digits(return_X_y=True)
    count = 4 if options.quick else 20
    X, test_X, y, test_y = train_test_split(X / 16.0, y, train_size=200, random_state=options.seed, stratify=y)
    print("Training: eager, in Python, as the estimators of nn.sklearn do.")
    print(f"{len(y)} images to learn from, {len(test_y)} held out; {count} configurations a search\n", flush=True)
    plain = NetworkClassifier(max_iter=options.epochs or (1 if options.quick else 5), random_state=options.seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=options.seed)
    told = SimpleNamespace(interrupted=False)  # of Ctrl-C, which is heard when the training at work has ended

    def judged(model: NetworkClassifier, images: Any, labels: Any) -> float:
        if told.interrupted:
            raise KeyboardInterrupt
        return -float(log_loss(labels, model.predict_proba(images)))

    tried: dict[str, Tried] = {"Optuna": [], "scikit-learn": []}

    def objective(trial: optuna.Trial) -> float:
        configuration = suggested(trial)
        model = clone(plain).set_params(**configuration)
        loss = -float(cross_val_score(model, X, y, cv=folds, scoring=judged).mean())
        tried["Optuna"].append((configuration, loss))
        print(f"Optuna {trial.number + 1:3}: log loss {loss:.4f}   {written(configuration)}", flush=True)
        return loss

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    drawn = RandomizedSearchCV(plain, space(), n_iter=count, scoring=judged, cv=folds,
                               random_state=options.seed, refit=False)  # fmt: skip
    try:
        with flagged_interrupt(told):
            usual = -float(cross_val_score(plain, X, y, cv=folds, scoring=judged).mean())
            study.optimize(objective, n_trials=count)
            drawn.fit(X, y)
        tried["scikit-learn"] = list(zip(drawn.cv_results_["params"], (-drawn.cv_results_["mean_test_score"]).tolist()))
    except KeyboardInterrupt:
        status = 130
        print(f"Stopped by Ctrl-C: {len(tried['Optuna'])} configurations of Optuna are kept.", file=sys.stderr)
        if not tried["Optuna"]:
            return status

    models = {
        "logistic regression": LogisticRegression(max_iter=1000),
        "network as it comes": plain,
    }
    for who, trials in tried.items():
        if trials:
            best, loss = min(trials, key=lambda trial: trial[1])
            print(f"\nbest of {who}: log loss {loss:.4f}   {written(best)}", end="")
            models[f"network by {who}"] = clone(plain).set_params(**best)
    print("\n\nheld out                  log loss   right")
    for who, model in models.items():
        guess = model.fit(X, y).predict_proba(test_X)
        print(f"{who:25} {log_loss(test_y, guess):8.4f} {(guess.argmax(1) == test_y).mean():7.1%}", flush=True)
    enough = len(tried["Optuna"]) > 1
    fanova = optuna.importance.FanovaImportanceEvaluator(seed=options.seed)
    importances = optuna.importance.get_param_importances(study, evaluator=fanova) if enough else {}
    folder.draw("search.png", (12, 4.6), lambda figure: page(figure, tried, usual, importances))
    return status


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


def written(configuration: Configuration) -> str:
    """A configuration in a line."""
    return ", ".join(f"{name} {x:.2g}" if isinstance(x, float) else f"{name} {x}" for name, x in configuration.items())
