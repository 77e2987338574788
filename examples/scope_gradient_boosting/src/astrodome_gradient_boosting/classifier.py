"""Histogram-based gradient boosting (Ke et al. 2017, NIPS), stored without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError, errors, files
from astrodome.runs import Run
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from .settings import GradientBoostingSettings

if TYPE_CHECKING:
    from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples

EXAMPLES = "examples.npz"
"""The trees are fitted again from the training examples, so that no pickle file is needed."""


class GradientBoosting:
    """Gradient-boosted trees whose number is selected with the validation examples."""

    trees: HistGradientBoostingClassifier
    threads: int | None = None

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        """Return False, because the trees use only the features."""
        return False

    def train(
        self,
        train: LabelledExamples,
        validation: LabelledExamples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Fit the trees, and store the training examples and the number of trees."""
        options = GradientBoostingSettings(**config["options"])
        target = np.asarray(train.target > 0)
        trees = _new_trees(config, options.trees)
        with threadpool_limits(config["threads"] or None):
            trees.fit(train.features, target, sample_weight=train.weight)
        losses = [
            float(log_loss(validation.target > 0, found, labels=[False, True]))
            for found in trees.staged_predict_proba(validation.features)
        ]
        best = 0
        for number, loss in enumerate(losses):
            if number - best > options.early_stopping:
                break
            if loss < losses[best]:
                best = number
        with files.replacing(run.path / EXAMPLES) as part, part.open("wb") as file:
            stored = {"features": train.features, "target": target, "weight": train.weight}
            np.savez_compressed(file, trees=best + 1, **stored)
        rows = "".join(f"{number},{loss}\n" for number, loss in enumerate(losses))
        files.write_text(run.path / "metrics.csv", f"round,val_logloss\n{rows}")
        run.note(trees=best + 1, best_val_logloss=losses[best])

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Fit the trees to the training examples in a run folder."""
        self.threads = config["threads"] or None
        path = path / EXAMPLES if path.is_dir() else path
        if not path.exists():
            raise errors.not_found(path, "Train the classifier first.", kind="Training examples")
        try:
            with np.load(path, allow_pickle=False) as stored:
                self.trees = _new_trees(config, int(stored["trees"]))
                arguments = stored["features"], stored["target"], stored["weight"]
            with threadpool_limits(self.threads):
                self.trees.fit(*arguments)
        except (OSError, ValueError, KeyError) as error:
            raise AstrodomeError(f"{path} does not contain valid training examples.") from error
        if self.trees.n_features_in_ != len(config["features"]):
            raise AstrodomeError(
                f"{path} was trained with {self.trees.n_features_in_} features: expected "
                f"{len(config['features'])}."
            )

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the predicted probabilities, with shape (N,)."""
        with threadpool_limits(self.threads):
            return np.asarray(self.trees.predict_proba(features)[:, 1], np.float32)


def _new_trees(config: Mapping[str, Any], count: int) -> HistGradientBoostingClassifier:
    options = GradientBoostingSettings(**config["options"])
    return HistGradientBoostingClassifier(
        max_iter=count,
        max_leaf_nodes=options.leaves,
        learning_rate=options.rate,
        early_stopping=False,
        random_state=config["class"]["random_state"],
    )
