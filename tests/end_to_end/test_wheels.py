"""Environments with built wheels: one domain only, another domain, all distributions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import astrodome_goes as goes
import pytest

if TYPE_CHECKING:
    from .conftest import Environment

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(900)]

FLARE = "2011-06-07T06:41:00"
HEAVY = {"torch", "lightning", "tensorflow", "keras", "xgboost", "scikit-learn"}
MAPS_ONLY = {"reproject", "glymur"}
"""Requirements of sunpy[map] and sunpy[jpeg2000], which time series do not need."""


def test_goes_alone_works_on_a_real_day(goes_alone: Environment, tmp_path: Path) -> None:
    find = "from sunpy.data.test import get_test_filepath as f; print(f('go1520110607.fits'))"
    day = goes_alone.run("python", "-c", find).out.strip()
    goes_alone.run("sdo", "--home", tmp_path, "goes", "import", day)
    (row,) = goes_alone.run(
        "sdo", "--home", tmp_path, "goes", "get", "--timestamp", FLARE, "--json"
    ).json
    assert row["class"] == "M2.5"
    assert "flares" in goes_alone.run("sdo", "goes", "--help").out


def test_goes_alone_requires_no_library_of_another_domain(goes_alone: Environment) -> None:
    installed = goes_alone.distributions()
    assert {name for name in installed if name.startswith("astrodome")} == {
        "astrodome",
        "astrodome-goes",
        "astrodome-solar",
    }
    assert not installed & (HEAVY | MAPS_ONLY)


def test_goes_alone_lists_only_itself(goes_alone: Environment) -> None:
    row, library = goes_alone.run("sdo", "plugins", "list", "--json").json
    assert (library["name"], library["distribution"]) == ("solar", "astrodome-solar")
    assert row["name"] == "goes" and row["status"] == "active" and row["error"] == ""
    assert (row["distribution"], row["version"]) == ("astrodome-goes", goes.__version__)
    assert goes_alone.run("sdo", "plugins", "doctor").err == ""


@pytest.mark.parametrize(
    ("command", "distribution"),
    [
        (("sdo", "data"), "astrodome-sdo-data"),
        (("sdo", "events", "list"), "astrodome-hek-events"),
        (("sdo", "sood", "--help"), "astrodome-sood"),
        (("scope", "classes"), "astrodome-ztf-scope"),
    ],
)
def test_the_error_for_a_missing_distribution_names_it(
    goes_alone: Environment, command: tuple[str, ...], distribution: str
) -> None:
    assert f"Hint: pip install {distribution}" in goes_alone.run(*command, code=2).err


def test_scope_alone_works_and_sdo_names_the_missing_distributions(
    scope_alone: Environment,
) -> None:
    classes = scope_alone.run("scope", "classes", "--json").json
    assert {"vnv", "rrlyr"} <= {row["tag"] for row in classes}
    assert "pip install astrodome-sdo-data" in scope_alone.run("sdo", "--help").out
    asked = scope_alone.run("sdo", "goes", "get", "--timestamp", FLARE, code=2)
    assert "Hint: pip install astrodome-goes" in asked.err
    assert not {"sunpy", "astrodome-goes", "astrodome-sood"} & scope_alone.distributions()


def test_doctor_finds_no_fault_with_all_distributions(everything: Environment) -> None:
    for app in ("sdo", "scope"):
        findings = everything.run(app, "plugins", "doctor", "--json").json
        # The task of a model for the other app is declared only there, which doctor notes.
        ours = [row for row in findings if row["plugin"] != "corona"]
        assert {row["status"] for row in ours} <= {"ok", "slow"}
        assert {row["status"] for row in findings} <= {"ok", "slow", "note"}
    rows = everything.run("sdo", "plugins", "list", "--json").json
    assert {row["name"] for row in rows} >= {"goes", "sood", "corona"}
    assert not everything.conflicts()


def test_the_components_of_a_new_plugin_are_used_like_ours(
    everything: Environment, tmp_path: Path
) -> None:
    sources = everything.run("sdo", "data", "sources", "--json").json
    assert "corona" in {row["name"] for row in sources}

    code = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from astrodome import models, sources\n"
        "archive = sources.get('images', 'corona')\n"
        "rows = archive.search(datetime(2011, 6, 7), datetime(2011, 6, 7, 11), '1h', [1700])\n"
        "print(*archive.fetch(rows, Path(sys.argv[1])), sep='\\n')\n"
        "assert models.get('scope', 'corona').uses_dmdt({}) is False\n"
        "times = datetime(2012, 1, 1), datetime(2012, 1, 31)\n"
        "assert len(sources.get('comets', 'corona').search(*times)) == 31\n"
    )
    images = tmp_path / "images"
    drawn = everything.run("python", "-c", code, images, ASTRODOME_CORONA_SIZE="64")
    paths = drawn.out.split()
    assert len(paths) == len(list(images.iterdir())) == 12

    (tmp_path / "values.txt").write_text("1\n3\n")
    for command in (("sdo", "corona"), ("coronal",)):
        (row,) = everything.run(*command, "stats", tmp_path / "values.txt", "--json").json
        assert (row["count"], row["mean"], row["std"]) == (2, 2.0, 1.0)
    assert "stats" in everything.run("coronal", "--help").out
    states = everything.run("coronal", "plugins", "list", "--json").json
    assert [(row["name"], row["status"]) for row in states] == [("coronal", "active")]

    model = ("sdo", "sood", "corona")
    run, scored = tmp_path / "run", tmp_path / "scored"
    size = ("--set", "model.target_size=64")
    everything.run(*model, "train", "--data-dir", images, "--log-dir", run, *size)
    everything.run(
        *(*model, "predict", "--predict-mode", "sample", "--data-dir", images),
        *("--load-path", run, "--pred-dir", scored, *size),
    )
    header, *scores = (scored / "predictions.txt").read_text().splitlines()
    assert header == "pixel_pred_path,score,t_obs,wavelength" and len(scores) == 12
