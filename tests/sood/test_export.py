"""Scorers as ONNX: another program gets the scores of this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from astrodome.testing import Result
from astrodome_sood import config
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.models.ce_vae import CeVae


def test_onnxruntime_gives_the_scores_maps_and_reconstructions_of_the_run(
    trained: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    file = tmp_path / "scorer.onnx"
    shown = sood("export", trained, "--out", file, "--json").succeeded().json
    assert shown["file"] == str(file) and shown["largest_relative_difference"] < 1e-4
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    backend = CeVae()
    backend.load(
        trained, config.load(None, {"model.load_path": str(trained)}, over_run=True).plain()
    )
    images = FolderImages.read(patches, 32)
    for count in (1, 5, 48):
        batch = images.batch(range(count))
        score, maps, rebuilt = session.run(None, {"images": batch})
        np.testing.assert_allclose(score, backend.score(batch), rtol=1e-4)
        expected = backend.score_map(batch, "rec")
        np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(rebuilt, backend.reconstruct(batch)["images"], atol=1e-5)
    about = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert json.loads(about["astrodome"])["model"] == "ce_vae"


@pytest.mark.parametrize(
    ("place", "told"), [("nowhere", "There are no weights"), ("text", "no readable weights file")]
)
def test_what_cannot_be_exported_is_one_sentence(
    sood: Callable[..., Result], tmp_path: Path, place: str, told: str
):
    (tmp_path / "text").write_text("not weights")
    failed = sood("export", tmp_path / place)
    assert failed.code == 1 and told in failed.err and len(failed.err.splitlines()) <= 2
