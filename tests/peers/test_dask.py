"""The same search on a cluster: one line more, the same results to the bit, in other processes."""

import os

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nn.sklearn import NetworkClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = np.argmax(X, axis=1)


def process(estimator, X, y):
    return os.getpid()


def search():
    model = make_pipeline(StandardScaler(), NetworkClassifier((4,), max_iter=5, random_state=0))
    grid = {"networkclassifier__learning_rate_init": [0.001, 0.01, 0.1], "networkclassifier__alpha": [0.0, 0.01]}
    return GridSearchCV(model, grid, cv=3, scoring={"accuracy": "accuracy", "process": process}, refit="accuracy").fit(
        X, y
    )


def processes(found):
    return {int(found.cv_results_[f"split{i}_test_process"][j]) for i in range(3) for j in range(6)}


def test_a_search_runs_on_a_cluster_of_two_processes_with_the_same_results():
    alone = search()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        workers = set(client.run(os.getpid).values())
        with joblib.parallel_config(backend="dask"):
            together = search()
    assert processes(alone) == {os.getpid()}
    assert processes(together) == workers and len(workers) == 2
    assert together.best_params_ == alone.best_params_
    for i in range(3):
        assert (together.cv_results_[f"split{i}_test_accuracy"] == alone.cv_results_[f"split{i}_test_accuracy"]).all()
    weights = [found.best_estimator_[-1].network_.state() for found in (alone, together)]
    assert weights[0] == weights[1]
