"""Conformance tests of the model, and tests of its options."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import yaml
from astrodome.testing import PluginContract, run
from astrodome_sood.testing import AnomalyModelContract
from PIL import Image

PLUGINS = ("astrodome_sood.plugin", "astrodome_isolation_forest.plugin")


class TestPlugin(PluginContract):
    plugin = PLUGINS[1]


class TestModel(AnomalyModelContract):
    plugin = PLUGINS[1]
    model = "isolation_forest"
    config: ClassVar = {"model.options.trees": 10}


def test_a_model_is_trained_with_the_options_of_the_command_line(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.normal(128, 10, (32, 32))
        if number == 7:
            pixels[8:16, 8:16] = 255
        folder = tmp_path / ("bright" if number == 7 else "images")
        folder.mkdir(exist_ok=True)
        name = f"2012-01-01T00{number:02d}00__171.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
    sood = ("sdo", "sood", "isolation_forest")
    train = ("train", "-d", tmp_path / "images", "-o", tmp_path / "run", "--target-size", 32)
    run(*sood, *train, "--trees", 20, "--combine", "max", plugin=PLUGINS).succeeded()
    options = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["model"]["options"]
    assert options == {"trees": 20, "samples": 256, "window": 4, "combine": "max"}
    predict = ("predict", "-l", tmp_path / "run", "-d", tmp_path, "--top", 0, "--json")
    rows = run(*sood, *predict, plugin=PLUGINS).succeeded().json
    assert len(rows) == 12 and rows[0]["path"].endswith("bright/2012-01-01T000700__171.png")
    changed = run(*sood, *train, "--trees", 30, plugin=PLUGINS)
    assert "uses model.options.trees 20, but the configuration contains 30" in changed.err
    assert (
        "'--trees': 0 is not in the range" in run(*sood, *train, "--trees", 0, plugin=PLUGINS).err
    )
