"""Conformance tests for models of the task ``sood``.

Subclass the contract class in a test module, and set its attributes::

    from astrodome_sood.testing import AnomalyModelContract

    class TestModel(AnomalyModelContract):
        plugin = "astrodome_corona.plugin"
        model = "pixel_gaussian"
        config = {"train": {"n_epochs": 1}}

The model is trained with small synthetic images, unless the class overrides ``images``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.runs import Run
from astrodome.testing import ModelContract
from numpy.typing import NDArray

from . import config as configuration
from .model_options import TASK
from .nested import flatten
from .protocols import Explanation

UNSAFE = (".pkl", ".pickle", ".joblib")
"""Extensions of files that can execute code when they are loaded."""


class ArrayImages:
    """Images in memory, with the interface of :class:`.protocols.ImageSet`.

    ``images`` has the shape (N, C, H, W), the dtype float32 and values in [-1, 1].
    """

    def __init__(self, images: NDArray[np.float32]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.images[index].copy()
        return image

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Return images as an array with shape (N, C, H, W)."""
        return np.ascontiguousarray(self.images[list(indices)])

    def describe(self, index: int) -> Mapping[str, Any]:
        """Return the metadata of an image."""
        t_obs = f"2011-06-07T{index // 60:02d}:{index % 60:02d}:00"
        return {"path": f"{index}.jpeg", "t_obs": t_obs, "wavelength": 171, "part": None}


class AnomalyModelContract(ModelContract):
    """Conformance tests for an anomaly detection model.

    ``config`` contains values of the configuration as nested mappings, or with dotted keys such as
    ``"train.n_epochs"``. Choose values with which the training takes about one second. ``size`` is
    the width and height of the images in pixels, and ``count`` is the number of training images.
    """

    task: ClassVar[str] = TASK
    config: Mapping[str, Any] = {}
    size: int = 32
    count: int = 12
    tolerance: float = 1e-3
    """Maximum difference between equal scores, relative to the range of all scores."""
    _trained: ClassVar[dict[tuple[type, int], Path]] = {}

    def images(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return images for training and scoring, with shape (N, C, H, W).

        The default images contain random smooth structures.
        """
        random = np.random.default_rng(seed)
        y, x = np.mgrid[: self.size, : self.size] / self.size
        waves = random.uniform(1, 4, (count, 6, 2))
        phases = random.uniform(0, 2 * np.pi, (count, 6))
        angle = 2 * np.pi * (waves[..., 0, None, None] * x + waves[..., 1, None, None] * y)
        structure = np.cos(angle + phases[..., None, None]).mean(axis=1)
        noise = random.normal(0, 0.02, structure.shape)
        images: NDArray[np.float32] = np.clip(structure + noise, -1, 1).astype(np.float32)
        return images[:, np.newaxis]

    @pytest.fixture
    def run_folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
        """Return a run folder of the trained model, or None if the model cannot be trained."""
        return self._folder(tmp_path_factory, seed=0)

    def test_training_writes_weights_in_a_safe_format(self, run_folder: Path | None) -> None:
        if run_folder is None:
            pytest.skip("the model cannot be trained")
        written = {path.name for path in run_folder.rglob("*") if path.is_file()}
        assert written - {"config.yaml", "run.json", "metrics.csv"}, "training writes no weights"
        unsafe = [name for name in written if name.endswith(UNSAFE)]
        assert not unsafe, f"loading {', '.join(unsafe)} can execute code: use another format"

    def test_scores_have_the_expected_shape_and_are_finite(self, run_folder: Path | None) -> None:
        batch = self.images(5, seed=2)
        before = batch.copy()
        model = self._loaded(run_folder)
        for values, shape in ((model.score(batch), (5,)), (model.score_map(batch), self._maps(5))):
            values = np.asarray(values)
            assert values.shape == shape, f"expected the shape {shape}, got {values.shape}"
            assert values.dtype.kind == "f", f"expected real numbers, got {values.dtype}"
            assert np.isfinite(values).all(), "scores are NaN or infinite"
        np.testing.assert_array_equal(batch, before, "the model changes its input")

    def test_a_loaded_model_has_the_same_scores_again(self, run_folder: Path | None) -> None:
        batch = self.images(4, seed=2)
        first, second = (self._loaded(run_folder) for _ in range(2))
        self._same(first.score(batch), second.score(batch))
        self._same(first.score_map(batch), second.score_map(batch))
        self._same(first.score(batch), second.score(batch))

    def test_scores_do_not_depend_on_the_batch_or_its_order(self, run_folder: Path | None) -> None:
        batch = self.images(6, seed=2)
        model = self._loaded(run_folder)
        for score in (model.score, model.score_map):
            expected = np.asarray(score(batch))
            self._same(np.asarray(score(batch[::-1].copy()))[::-1], expected)
            single = np.concatenate([np.asarray(score(batch[n : n + 1])) for n in range(6)])
            self._same(single, expected)

    def test_the_seed_determines_the_result(
        self, run_folder: Path | None, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        if run_folder is None:
            pytest.skip("the model cannot be trained")
        batch = self.images(4, seed=2)
        again = self._train(tmp_path_factory.mktemp("again"), seed=0)
        self._same(self._loaded(again).score(batch), self._loaded(run_folder).score(batch))

    def test_missing_weights_are_an_error(self, run_folder: Path | None, tmp_path: Path) -> None:
        if run_folder is None:
            pytest.skip("the model has no weights")
        with pytest.raises(AstrodomeError):
            self.create().load(tmp_path, self._config())

    def test_the_verbs_return_valid_values(self, run_folder: Path | None) -> None:
        batch, verbs = self.images(3, seed=2), self.spec.verbs
        model = self._loaded(run_folder)
        if "reconstruct" in verbs:
            found = model.reconstruct(batch)
            assert set(found) >= {"images", "mean"}, f"reconstruct returns {sorted(found)}"
            assert np.shape(found["images"]) == batch.shape, (
                "the reconstructions have another shape"
            )
            assert np.ndim(found["mean"]) == 2 and len(found["mean"]) == 3, (
                "expected (N, Z) vectors"
            )
            assert all(np.isfinite(value).all() for value in found.values()), "NaN or infinite"
        if "generate" in verbs:
            latent = np.zeros((2, model.z_dim), np.float32)
            images = np.asarray(model.generate(latent))
            assert images.shape == (2, *batch.shape[1:]), f"generate returns {images.shape}"
            assert np.isfinite(images).all(), "generated images contain NaN or infinite values"
        if "explain" in verbs:
            explanations = model.explain(batch)
            assert len(explanations) == 3, f"expected 3 explanations, got {len(explanations)}"
            for each in explanations:
                assert isinstance(each, Explanation), f"explain returns {type(each).__name__}"
                assert np.isfinite(each.deviation) and each.text.strip(), f"invalid: {each}"

    def _config(self, seed: int = 0) -> dict[str, Any]:
        """Return the complete, validated configuration of a run."""
        given = {"model.target_size": self.size, "devices.gpus": 0, "seed": seed}
        given |= dict(flatten(self.config))
        return configuration.load(None, given, model=self.model).plain()

    def _folder(self, factory: pytest.TempPathFactory, seed: int) -> Path | None:
        """Return the run folder of the model, which is trained only once for all tests."""
        if "train" not in self.spec.verbs:
            return None
        key = type(self), seed
        if key not in self._trained:
            self._trained[key] = self._train(factory.mktemp("trained"), seed)
        return self._trained[key]

    def _train(self, folder: Path, seed: int) -> Path:
        config = self._config(seed)
        run = Run.start(folder / "run", TASK, self.model, config, seed=seed)
        images = [self.images(self.count, seed=0), self.images(max(4, self.count // 4), seed=1)]
        self.create().train(*map(ArrayImages, images), run, config)
        run.finish()
        return run.path

    def _loaded(self, folder: Path | None) -> Any:
        model = self.create()
        model.load(folder, self._config())
        return model

    def _maps(self, count: int) -> tuple[int, int, int]:
        return count, self.size, self.size

    def _same(self, found: Any, expected: Any) -> None:
        scale = np.ptp(expected) or np.abs(expected).max() or 1.0
        np.testing.assert_allclose(found, expected, rtol=0, atol=self.tolerance * scale)
