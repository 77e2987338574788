"""Conformance tests for classifiers, catalogues and marshals.

Subclass a contract class in a test module, and set its attributes::

    from astrodome_ztf_scope.testing import ClassifierContract

    class TestClassifier(ClassifierContract):
        plugin = "astrodome_forest.plugin"
        model = "forest"

The classifier is trained with small synthetic examples, unless the class overrides ``examples``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.runs import Run
from astrodome.testing import ModelContract
from numpy.typing import NDArray

from .classifiers.jobs import TrainingOptions, training_jobs
from .classifiers.loaded_models import uses_dmdt
from .classifiers.preprocessing.examples import LabelledExamples
from .classifiers.trained_models import TASK
from .config.loading import load_config

UNSAFE = (".pkl", ".pickle", ".joblib")
"""Extensions of files that can execute code when they are loaded."""
TOLERANCE = 1e-4
"""Maximum difference between equal probabilities."""


class ClassifierContract(ModelContract):
    """Conformance tests for a classifier of the task ``scope``.

    ``config`` contains values that replace those in the configuration of the run, as nested
    mappings, for example ``{"class": {"epochs": 2}}``. ``tag`` is the tag of a configured class,
    and ``count`` is the number of training examples.
    """

    task: ClassVar[str] = TASK
    config: Mapping[str, Any] = {}
    tag: str = "vnv"
    count: int = 200
    _trained: ClassVar[dict[type, Path]] = {}

    def examples(self, count: int, seed: int) -> LabelledExamples:
        """Return examples whose positive sources have larger features."""
        random = np.random.default_rng(seed)
        target = (np.arange(count) % 2).astype(np.float32)
        features = random.normal(target[:, None], 0.5, (count, self._feature_count()))
        dmdt = random.uniform(0, 1, (count, 26, 26)) * (1 + target[:, None, None])
        return LabelledExamples(
            features.astype(np.float32),
            (dmdt / 2).astype(np.float32) if self._uses_dmdt() is not False else None,
            target,
            np.ones(count, np.float32),
        )

    @pytest.fixture
    def run_folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return a run folder of the trained classifier, which is the same for all tests."""
        if type(self) not in self._trained:
            self._trained[type(self)] = self._train(tmp_path_factory.mktemp("trained"))
        return self._trained[type(self)]

    def test_training_writes_weights_in_a_safe_format(self, run_folder: Path) -> None:
        written = {path.name for path in run_folder.rglob("*") if path.is_file()}
        assert written - {"config.yaml", "run.json", "metrics.csv"}, "training writes no weights"
        unsafe = [name for name in written if name.endswith(UNSAFE)]
        assert not unsafe, f"loading {', '.join(unsafe)} can execute code: use another format"

    def test_probabilities_are_finite_and_between_0_and_1(self, run_folder: Path) -> None:
        part = self.examples(31, seed=2)
        before = part.features.copy()
        found = self._predict(self._loaded(run_folder), part)
        assert found.dtype.kind == "f", f"expected real numbers, got {found.dtype}"
        assert np.isfinite(found).all(), "probabilities are NaN or infinite"
        assert found.min() >= 0 and found.max() <= 1, "probabilities must be between 0 and 1"
        np.testing.assert_array_equal(part.features, before, "the classifier changes its input")

    def test_positive_examples_have_larger_probabilities(self, run_folder: Path) -> None:
        part = self.examples(200, seed=2)
        found = self._predict(self._loaded(run_folder), part)
        positive = part.target > 0
        assert found[positive].mean() > found[~positive].mean(), "the classes are not distinguished"

    def test_a_loaded_classifier_has_the_same_probabilities_again(self, run_folder: Path) -> None:
        part = self.examples(20, seed=2)
        first, second = (self._loaded(run_folder) for _ in range(2))
        _same(self._predict(first, part), self._predict(second, part))
        _same(self._predict(first, part), self._predict(second, part))

    def test_probabilities_do_not_depend_on_the_batch_or_its_order(self, run_folder: Path) -> None:
        part = self.examples(12, seed=2)
        model = self._loaded(run_folder)
        expected = self._predict(model, part)
        _same(self._predict(model, part, slice(None, None, -1))[::-1], expected)
        single = [self._predict(model, part, slice(n, n + 1))[0] for n in range(len(part))]
        _same(single, expected)

    def test_the_random_state_determines_the_result(self, run_folder: Path, tmp_path: Path) -> None:
        part = self.examples(20, seed=2)
        again = self._loaded(self._train(tmp_path))
        _same(self._predict(again, part), self._predict(self._loaded(run_folder), part))

    def test_missing_weights_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(AstrodomeError):
            self.create().load(tmp_path, self._config())

    def _config(self) -> dict[str, Any]:
        """Return the configuration of a training run."""
        options = TrainingOptions(algorithm=self.model, random_states=(42,), jobs=1)
        job = next(training_jobs(load_config(), [self.tag], options, Path()))
        return _merged(job.config | {"threads": 1}, self.config)

    def _feature_count(self) -> int:
        return len(self._config()["features"])

    def _uses_dmdt(self) -> bool | None:
        return uses_dmdt(self.create(), self._config())

    def _train(self, folder: Path) -> Path:
        config = self._config()
        run = Run.start(folder / "run", TASK, self.model, config)
        parts = self.examples(self.count, seed=0), self.examples(self.count // 4, seed=1)
        self.create().train(*parts, run, config)
        run.finish()
        return run.path

    def _loaded(self, folder: Path) -> Any:
        model = self.create()
        model.load(folder, self._config())
        return model

    def _predict(
        self, model: Any, part: LabelledExamples, rows: slice = slice(None)
    ) -> NDArray[np.float32]:
        features = np.ascontiguousarray(part.features[rows])
        dmdt = None if part.dmdt is None else np.ascontiguousarray(part.dmdt[rows])
        found = np.asarray(model.predict(features, dmdt))
        assert found.shape == (len(features),), (
            f"expected the shape ({len(features)},), got {found.shape}"
        )
        return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
