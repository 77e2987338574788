"""``scope get-field-ids`` and ``scope sources``: all ids once, in order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import kowalski_client
from services.fake_server import FakeServer
from services.fritz import Fritz
from services.kowalski import Kowalski
from ztf_scope.survey import TOKEN

CATALOG = "ZTF_sources_20210401"


def quadrant(count: int, ccd: int, quad: int, field: int = 301) -> list[dict[str, object]]:
    base = 10**13 + ccd * 10**6 + quad * 10**5
    shared = {"field": field, "ccd": ccd, "quad": quad, "filter": 1}
    return [
        {"_id": base + n, "ra": 10 + n * 1e-3, "dec": 5.0, "nobs": 5 + n, **shared}
        for n in range(count)
    ]


@pytest.fixture
def store() -> Kowalski:
    return Kowalski(TOKEN)


@pytest.fixture
def server(store: Kowalski, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with store.server() as twin:
        monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", twin.url)
        monkeypatch.setenv("ASTRODOME_KOWALSKI_TOKEN", TOKEN)
        monkeypatch.setattr(kowalski_client, "BACKOFF", 0.01)
        yield twin


def test_the_command_in_the_manual_runs(
    server: FakeServer, store: Kowalski, scope: Callable[..., Result]
):
    """Its --skip and --limit take a part, for a loop over parts."""
    store.store(CATALOG, quadrant(50, 2, 3))
    line = f"{CATALOG} -field 301 -ccd 2 -quad 3 -minobs 5 -skip 0 -limit 20 -token {TOKEN}"
    ids = scope("get_field_ids", *line.split()).succeeded().out.split()
    assert ids == [str(10**13 + 2_300_000 + n) for n in range(20)]
    more = scope("get-field-ids", *line.replace("-skip 0", "-skip 20").split()).succeeded()
    assert [int(text) for text in more.out.split()] == [
        10**13 + 2_300_000 + n for n in range(20, 40)
    ]


def test_twenty_five_ids_on_pages_of_ten_are_complete_and_sorted(
    server: FakeServer, store: Kowalski, scope: Callable[..., Result], tmp_path: Path
):
    store.store(CATALOG, quadrant(25, 2, 3) + quadrant(4, 2, 4))
    args = (CATALOG, "--ccd", 2, "--quad", 3, "--minobs", 0, "--limit", 10)
    ids = scope("get-field-ids", *args).succeeded().out.split()
    assert len(ids) == 25 and ids == sorted(ids)
    assert len([q for q in store.asked if q["query_type"] == "find"]) == 3
    some = scope("get-field-ids", *args, "--minobs", 25, "--json").succeeded().json
    assert len(some) == 5


@pytest.mark.parametrize("ending", [".txt", ".csv", ".parquet", ".parq", ".h5", ".hdf5"])
def test_ids_and_positions_are_written_in_any_format(
    server: FakeServer, store: Kowalski, scope: Callable[..., Result], tmp_path: Path, ending: str
):
    store.store(CATALOG, quadrant(7, 4, 3))
    path = tmp_path / f"ids{ending}"
    args = (path, "--catalog", CATALOG, "--minobs", 0)
    shown = scope("get-field-ids", *args, "--coordinates", "--json").succeeded().json
    assert shown == {"file": str(path), "ids": 7}
    expected = [10**13 + 4_300_000 + n for n in range(7)]
    if ending in (".h5", ".hdf5"):
        with h5py.File(path) as file:
            label = "dataset_ccd_4_quad_3_field_301"
            assert list(file[label]) == expected and file[f"{label}_dec"][0] == 5
    else:
        table = pd.read_parquet(path) if ending.startswith(".par") else pd.read_csv(path)
        assert list(table["_id"]) == expected
        assert list(table["ra"]) == pytest.approx(10 + np.arange(7) * 1e-3)
    if ending == ".csv":
        scope("get-field-ids", *args).succeeded()
        assert path.read_text().split() == [str(one) for one in expected]


def test_an_interrupted_field_is_resumed(
    server: FakeServer, store: Kowalski, scope: Callable[..., Result], tmp_path: Path
):
    for ccd, quad in ((1, 1), (1, 2), (16, 4)):
        store.store(CATALOG, quadrant(ccd + quad, ccd, quad))
    args = ("--catalog", CATALOG, "--minobs", 0, "--whole-field", "--output-dir", tmp_path)
    server.choose = lambda request: "500" if b'"ccd": 9' in request.body else ""
    failed = scope("get-field-ids", *args, "--json")
    assert failed.code == 1 and "ccd 9 quad 1" in failed.err and len(failed.json) == 60
    server.choose = lambda request: ""
    store.asked.clear()
    rows = scope("get-field-ids", *args, "--json").succeeded().json
    assert len(rows) == 64 and sum(row["fetched"] for row in rows) == 4
    assert {q["query"]["filter"]["ccd"] for q in store.asked if q["query_type"] == "find"} == {9}
    folder = tmp_path / "field_301"
    ids = (folder / "field_301.csv").read_text().split()
    assert len(ids) == len(set(ids)) == 2 + 3 + 20
    about = json.loads((folder / "meta.json").read_text())
    assert about["total"] == 25 and about["counts"]["ccd_16"]["quad_4"] == 20
    assert about["ccd_range"] == list(range(1, 17)) and about["catalog"] == CATALOG
    other = scope("get-field-ids", *args, "--minobs", 3)
    assert other.code == 1 and "'minobs' is 0, but 3 was requested" in other.err


def test_quadrants_are_written_to_separate_files(
    server: FakeServer, store: Kowalski, scope: Callable[..., Result], tmp_path: Path
):
    store.store(CATALOG, quadrant(3, 2, 1) + quadrant(2, 3, 2))
    args = ("--catalog", CATALOG, "--minobs", 0, "--output-dir", tmp_path, "--format", "h5")
    scope("get-quad-ids", *args, "--ccd-range", 2, 3, "--quad", "1-2").succeeded()
    names = sorted(path.name for path in (tmp_path / "field_301").glob("*.h5"))
    assert names == [f"data_ccd_{ccd:02}_quad_{quad}.h5" for ccd in (2, 3) for quad in (1, 2)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak as Linux tells it")
def test_a_hundred_thousand_ids_need_little_memory(
    server: FakeServer, store: Kowalski, tmp_path: Path
):
    """Read the peak memory from /proc, because getrusage includes the parent process.

    Mapped pages of libraries are subtracted: their number depends on the page cache of the system.
    """
    store.store(CATALOG, quadrant(100_000, 4, 3))
    script = (
        "import sys; from pathlib import Path; from astrodome import start;"
        "sys.argv[0] = 'scope'\n"
        "try: start.run()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "status = Path('/proc/self/status').read_text()\n"
        "peak, libraries = (int(status.split(f'{key}:')[1].split()[0])"
        " for key in ('VmHWM', 'RssFile'))\n"
        "print(peak - libraries)"
    )
    args = ["get-field-ids", str(tmp_path / "ids.txt"), "--catalog", CATALOG]
    args += ["--minobs", "0", "--limit", "25000"]
    done = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, check=True
    )
    assert len((tmp_path / "ids.txt").read_text().split()) == 100_000
    assert int(done.stdout.split()[-1]) * 1024 < 115e6


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("--ccd", "17"), 2, "numbers from 1 to 16"),
        (("--quad", "2-1"), 2, "numbers from 1 to 4"),
        (("ids.xlsx",), 2, "Unsupported format '.xlsx'"),
        (("--catalog", "ZTF_sources_none"), 1, "not found in any Kowalski instance"),
        (("--catalog", "local:survey"), 2, "use --catalogue local:survey"),
        (("ids.csv", "--whole-field"), 2, "Cannot write the ids for 64 quadrants"),
    ],
)
def test_invalid_input_is_one_short_error(
    server: FakeServer,
    store: Kowalski,
    scope: Callable[..., Result],
    args: tuple,
    code: int,
    told: str,
):
    store.store(CATALOG, quadrant(1, 4, 3))
    failed = scope("get-field-ids", *args)
    assert failed.code == code and told in failed.err and "Traceback" not in failed.err


def test_sources_at_a_position_and_in_groups_are_shown(
    server: FakeServer,
    store: Kowalski,
    marshal: FakeServer,
    fritz: Fritz,
    scope: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", TOKEN)
    store.store("ZTF_sources_20240117", quadrant(3, 4, 3))
    args = ("--position", 10, 5, "--radius-arcsec", 4)
    found = scope("sources", *args, "--catalogue", "kowalski", "--json").succeeded().json
    assert [row["_id"] for row in found] == [10**13 + 4_300_000, 10**13 + 4_300_001]
    assert scope("sources", *args, "--json").succeeded().json == []
    wrong = scope("sources", "--position", 10, 95)
    assert wrong.code == 2 and "Invalid position" in wrong.err
    neither = scope("sources")
    assert neither.code == 2 and "--position RA DEC, or --group-ids" in neither.err
