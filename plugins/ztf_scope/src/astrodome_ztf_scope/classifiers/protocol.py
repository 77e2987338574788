"""Protocol for binary classifiers, which plugins register for the task ``scope``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from numpy.typing import NDArray

    from .preprocessing.examples import LabelledExamples


@runtime_checkable
class Classifier(Protocol):
    """A binary classifier that separates the sources in one class from all other sources.

    ``config`` contains the run configuration as nested mappings. ``tag`` is the tag of the class,
    and ``features`` lists the feature names in column order. ``class`` is the configuration entry
    for the class, including command-line overrides. ``dnn`` and ``xgboost`` are the configuration
    sections that apply to all classes.

    A classifier may define a static method ``uses_dmdt(config) -> bool``, which returns whether it
    needs dmdt images. If the method is not defined, the argument ``dmdt`` is an array if the data
    set contains images, and None otherwise. ``predict`` must return a finite probability between 0
    and 1 for each source.
    """

    def train(
        self,
        train: LabelledExamples,
        validation: LabelledExamples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Train the classifier, and write the weights and ``metrics.csv`` to the run folder."""
        ...

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or a model file.

        Raises AstrodomeError if the weights do not match the configuration.
        """
        ...

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the predicted probabilities, with shape (N,).

        Apart from rounding, the probability for a source must not depend on the other sources.
        """
        ...
