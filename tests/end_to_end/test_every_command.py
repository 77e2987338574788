"""Every command of both apps runs, and its JSON document matches the schema of the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import plugins
from astrodome.registry import Registry
from astrodome_sood.datasets.disks import Disk
from astrodome_sood.evaluation.solar_ood import CACHE, save_disks
from end_to_end import every_command
from hek_events import sun
from services import gcs, goes, gsu, hek
from services.fritz import Fritz
from sunpy.data.test import get_test_filepath
from ztf_scope import sky, survey

SIZE = 32
OBJECTS = {"datasets/dataset.d15.csv": b"a\n1\n", "models/vnv/vnv.index": b"index"}


@pytest.fixture(scope="module")
def registries() -> dict[str, Registry]:
    return {app: plugins.load(app) for app in ("sdo", "scope")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Create inputs with the names in the table, and settings with addresses of fake servers."""
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DB_CONNECTION_STRING", raising=False)
    with ExitStack() as stack:
        base = hek.Hek(hek.day())
        archives = stack.enter_context(goes.Archives())
        for day in (date(2012, 12, 1), date(2012, 12, 31)):
            archives.add(day, 15)
        marshal = Fritz(token=survey.TOKEN, archive={101: (151.5, 10.1), 102: (153.0, 10.2)})
        marshal.add_source("star", 10.0, 20.0, 500)
        environment = {
            **archives.environment,
            "ASTRODOME_HEK_URL": f"{stack.enter_context(base.server()).url}/hek/her",
            "ASTRODOME_GSU_URL": stack.enter_context(gsu.Archive(sun.corona(512)).server()).root,
            "ASTRODOME_FRITZ_URL": stack.enter_context(marshal.server()).url,
            "ASTRODOME_GCS_URL": stack.enter_context(gcs.Bucket("ztf-scope", OBJECTS).server()).url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield {"token": survey.TOKEN, **files(tmp_path / "inputs")}


def files(folder: Path) -> dict[str, str]:
    """Write small input files for the commands."""
    images, patches, disks = folder / "images", folder / "patches", folder / "disks"
    sun.write_image(images, sun.corona(512))
    sun.write_map(folder / "maps", np.pad(np.full((40, 40), 200, np.uint8), ((60, 156), (40, 176))))
    for path in (patches, disks):
        path.mkdir()
    for number in range(24):
        box = (100 + 9 * number, 200, 100 + 9 * number + SIZE, 200 + SIZE)
        sun.corona(512).crop(box).save(patches / f"2014-01-01T000011__171__{number}.jpeg")
    levels = np.asarray(sun.corona(512), np.float32) * 2 / 255 - 1
    views = [Disk(f"sun_{wave}", levels, 200, "2014-01-01T00:00:11Z", wave) for wave in (171, 193)]
    save_disks(folder / "benchmark" / CACHE, [*views, views[0]])
    (folder / "hek.json").write_text(json.dumps({"result": hek.day()}))
    return {
        **{"images": str(images), "patches": str(patches), "maps": str(folder / "maps")},
        **{"hek": str(folder / "hek.json"), "xrs": get_test_filepath("go1520110607.fits")},
        **{"fits": get_test_filepath("aia_171_level1.fits")},
        "benchmark": str(folder / "benchmark"),
        **{"disks": get_test_filepath("aia_171_level1.fits"), "plugin": "goes"},
    }


def stars(folder: Path) -> dict[str, str]:
    """Write inputs for ``scope``: a data set, tables of stars, catalogues and a taxonomy."""
    folder.mkdir()
    table = pd.DataFrame(
        {
            "_id": 10**13 + np.arange(30),
            **{"field": 301, "ccd": 2, "quad": 3, "filter": 1, "nobs": 30},
            **{"ra": 10 + np.arange(30) * 1e-3, "dec": 5.0},
        }
    )
    (folder / "catalogue").mkdir()
    table.to_parquet(folder / "catalogue" / "sources.parquet")
    scores = folder / "scores"
    scores.mkdir()
    rows = pd.DataFrame({"_id": [101, 102], "vnv_dnn": [0.99, 0.02], "vnv_xgb": [0.05, 0.97]})
    rows.to_parquet(scores / "classifications.parquet")
    places = {"ra": rows["_id"] * 1.5, "dec": rows["_id"] / 10, "period": 1.5}
    rows.assign(**places).to_parquet(scores / "features.parquet")
    residuals = pd.DataFrame({"_id": range(200), "filter": 1, "drw_max_z": np.arange(200.0)})
    residuals.to_parquet(folder / "residuals.parquet")
    predictions = folder / "predictions.parquet"
    table[["_id", "ra", "dec"]].assign(vnv_xgb=0.95).to_parquet(predictions)
    periods = pd.DataFrame({"_id": 10**13 + np.arange(1, 3), "ra": 10.0, "dec": 5.0, "period": 0.5})
    periods.to_parquet(folder / "periods.parquet")
    periods[["_id"]].assign(**{"class": "nonvar"}).to_parquet(folder / "classes.parquet")
    (folder / "training.csv").write_text("ztf_id,variable\n107,1.0\n")
    (folder / "stars.csv").write_text("obj_id,ra,dec,variable\nZTFJ1,30.0,40.0,0.9\n")
    (folder / "tree.yaml").write_text("class: tds\nsubclasses: [{class: vnv}, {class: pnp}]\n")
    return {
        "dataset": str(sky.sky(300).write(folder / "dataset.parquet")),
        "catalogue": f"local:{folder / 'catalogue'}",
        "scores": f"local:{scores}",
        **{name: str(folder / f"{name}.parquet") for name in ("residuals", "periods", "classes")},
        "light_curves": str(survey.make(folder / "survey").folder / "light_curves.parquet"),
        "plugin": "ztf_scope",
        "predictions": str(predictions),
        **{name: str(folder / f"{name}.csv") for name in ("training", "stars")},
        "tree": str(folder / "tree.yaml"),
    }


@pytest.mark.parametrize("app", ("sdo", "scope"))
def test_every_command_runs_and_prints_the_document_that_its_schema_describes(
    app: str, world: dict[str, str], tmp_path: Path
) -> None:
    if app == "scope":
        world |= stars(tmp_path / "stars")
    (tmp_path / "world.json").write_text(json.dumps(world), "utf-8")
    tests = Path(every_command.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "end_to_end.command_lines", app, tmp_path / "world.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *search_path()])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["count"] and not result["failures"], "\n\n".join(result["failures"])


def search_path() -> list[str]:
    return list(filter(None, [os.environ.get("PYTHONPATH")]))


def test_every_command_in_the_table_exists(
    registries: dict[str, Registry],
) -> None:
    known: set[str] = set()
    for app, registry in registries.items():
        with plugins.using(registry):
            known |= {
                path for path, _ in every_command.walk(every_command.root(app, registry), app)
            }
    known |= {path.partition(" ")[2] for path in known}
    assert not {*every_command.ARGUMENTS, *every_command.ELSEWHERE} - known
