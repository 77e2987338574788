"""Protocols of the task ``scope``: labelled examples, and the methods of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from astrodome.runs import Run
    from numpy.typing import NDArray


class Examples(Protocol):
    """Labelled sources with imputed and scaled features, as float32 arrays.

    ``features`` has the shape (N, F), and ``dmdt`` the shape (N, 26, 26). ``dmdt`` is None if there
    are no dmdt images. ``target`` (0 or 1) and ``weight`` have the shape (N,).
    """

    @property
    def features(self) -> NDArray[np.float32]: ...

    @property
    def dmdt(self) -> NDArray[np.float32] | None: ...

    @property
    def target(self) -> NDArray[np.float32]: ...

    @property
    def weight(self) -> NDArray[np.float32]: ...


@runtime_checkable
class Classifier(Protocol):
    """A binary classifier, which separates the sources of one class from all others.

    ``config`` is the configuration of the run as nested mappings: ``tag``, ``features`` (the
    names in the order of the columns), ``class`` (the entry of the class, overridden by options of
    the command line), ``dnn`` and ``xgboost`` (the sections that are common to all classes).

    An implementation may have a static method ``uses_dmdt(config) -> bool``, which returns
    whether it needs dmdt images. Without this method, ``dmdt`` is an array if the data set has
    images, and None otherwise. ``predict`` must return one finite probability from 0 to 1 for
    each source.
    """

    def train(
        self, train: Examples, validation: Examples, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Train the classifier, and write weights and ``metrics.csv`` to the run folder."""
        ...

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder or a file.

        Raises AstrodomeError if the weights do not match the configuration.
        """
        ...

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return probabilities, shape (N,).

        The probability of a source must not depend on the others, except for rounding.
        """
        ...
