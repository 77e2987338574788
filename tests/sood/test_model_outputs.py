"""The results of models from other plugins are checked before they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome.testing import Result, run
from sood import invalid_model

PLUGINS = ("astrodome_sood.plugin", "sood.invalid_model")
SCORES, MAPS = ("predict",), ("predict", "--predict-mode", "pixel")
REBUILT, MADE = ("reconstruct",), ("generate", "--n", "3")
MISTAKES = {
    "score:nan": (SCORES, "scores in which 1 of 16 values are invalid, for example nan at index 1"),
    "score:inf": (SCORES, "scores in which 1 of 16 values are invalid, for example inf at index 1"),
    "score:short": (SCORES, "scores with shape (15,): expected (16,)"),
    "score:extra": (SCORES, "scores with shape (16, 1): expected (16,)"),
    "score:none": (SCORES, "scores of type NoneType: expected real numbers"),
    "score_map:nan": (
        MAPS,
        "pixel scores in which 1 of 16384 values are invalid, for example nan at index (0, 0, 1)",
    ),
    "score_map:extra": (MAPS, "pixel scores with shape (16, 32, 32, 1): expected (16, 32, 32)"),
    "images:inf": (
        REBUILT,
        "images from reconstruct in which 1 of 16384 values are invalid, for example inf",
    ),
    "images:short": (REBUILT, "images from reconstruct with shape (15, 1, 32, 32)"),
    "mean:extra": (REBUILT, "mean from reconstruct with shape (16, 2, 1): expected (16, Z)"),
    "reconstruct:lacks": (REBUILT, "returned ['images'] from reconstruct: expected a mapping"),
    "reconstruct:list": (REBUILT, "returned list from reconstruct: expected a mapping"),
    "generate:nan": (
        MADE,
        "images from generate in which 1 of 3072 values are invalid, for example nan",
    ),
    "generate:short": (
        MADE,
        "images from generate with shape (2, 1, 32, 32): expected (3, C, H, W)",
    ),
}


def sood(patches: Path, out: Path, *args: str) -> Result:
    images = ("-d", patches, "--target-size", 32, "--batch-size", 16)
    data = images if args[0] != "generate" else ()
    return run("sdo", "sood", "odd", *args, *data, "-l", out, "-p", out, plugin=PLUGINS)


@pytest.mark.parametrize("how", MISTAKES)
def test_an_invalid_result_is_an_error_that_names_the_model(
    how: str, patches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.pth").touch()
    args, expected = MISTAKES[how]
    monkeypatch.setenv(invalid_model.WRONG, how)
    result = sood(patches, tmp_path, *args)
    said = " ".join(result.err.split())
    assert result.code == 1, said
    assert "The model odd (" in said and expected in said
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert not written & {".png", ".parquet", ".txt", ".csv"}


@pytest.mark.parametrize("args", [SCORES, MAPS, REBUILT, MADE])
def test_a_valid_result_is_accepted(args: tuple[str, ...], patches: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    assert sood(patches, tmp_path, *args).code == 0
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert written & {".png", ".parquet", ".txt", ".csv"}
