"""The manifest of a folder and the journals of processes that write to it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_sdo_data import manifest

NAME = "2012-03-07T000000__171.jpeg"
OTHER = "2012-03-07T000600__171.jpeg"


def record(status: str, **more: object) -> dict[str, object]:
    given = {"t_obs": "2012-03-07T00:00:00", "wavelength": 171, "source": "gsu", "size": "256"}
    done = {"bytes": 4, "sha256": "0" * 64, "mtime_ns": 1_700_000_000_123_456_789}
    reason = "" if status == manifest.DONE else "The service said no."
    return given | {"status": status, "reason": reason} | (done if not reason else {}) | more


def image(folder: Path, name: str = NAME) -> None:
    (folder / name).write_bytes(b"jpeg")


def status(folder: Path, name: str = NAME) -> str:
    assert list(folder.glob(".downloading/*")) == []
    return str(manifest.read(folder).loc[name, "status"])


@pytest.mark.parametrize("late", [manifest.FAILED, manifest.MISSING, manifest.SKIPPED])
def test_a_late_failure_of_another_process_does_not_replace_an_image(
    tmp_path: Path, late: str
) -> None:
    image(tmp_path)
    with manifest.open_journal(tmp_path) as slow, manifest.open_journal(tmp_path) as quick:
        quick.add(NAME, record(manifest.DONE))
        quick.merge()
        slow.add(NAME, record(late))
        slow.merge()
    assert status(tmp_path) == manifest.DONE
    row = manifest.read(tmp_path).loc[NAME]
    assert (row["bytes"], row["mtime_ns"]) == (4, 1_700_000_000_123_456_789)


@pytest.mark.parametrize("order", [("done", "failed"), ("failed", "done")])
def test_results_of_one_process_do_not_replace_an_image_by_a_failure(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    image(tmp_path)
    with manifest.open_journal(tmp_path) as journal:
        for each in order:
            journal.add(NAME, record(each))
        journal.merge()
    assert status(tmp_path) == manifest.DONE


def test_a_failure_replaces_an_image_whose_file_does_not_exist(tmp_path: Path) -> None:
    image(tmp_path)
    with manifest.open_journal(tmp_path) as journal:
        journal.add(NAME, record(manifest.DONE))
        journal.merge()
        (tmp_path / NAME).unlink()
        journal.add(NAME, record(manifest.FAILED))
        journal.merge()
    assert status(tmp_path) == manifest.FAILED
    row = manifest.read(tmp_path).loc[NAME]
    assert row["reason"] == "The service said no."


def test_the_journal_of_an_ended_process_is_merged_and_that_of_a_running_process_is_kept(
    tmp_path: Path,
) -> None:
    image(tmp_path)
    with manifest.open_journal(tmp_path) as running:
        running.add(OTHER, record(manifest.FAILED))
        hidden = tmp_path / manifest.HIDDEN
        ended = hidden / f"{manifest.JOURNAL}0-dead"
        lines = [{"file_name": NAME, **record(manifest.DONE)}, {"file_name": OTHER}]
        ended.write_text(json.dumps(lines[0]) + "\n" + json.dumps(lines[1])[:-3])
        with manifest.open_journal(tmp_path) as journal:
            assert journal.is_shared()
            table = journal.merge()
            assert list(table.index) == [NAME] and not ended.exists()
        assert list(manifest.current(tmp_path)["status"]) == [manifest.DONE, manifest.FAILED]
        running.merge()
    assert [status(tmp_path, name) for name in (NAME, OTHER)] == [manifest.DONE, manifest.FAILED]


def test_only_new_and_skipped_images_are_planned(tmp_path: Path) -> None:
    names = [f"2012-03-07T00{minute:02}00__171.jpeg" for minute in range(5)]
    known = ["done", "failed", "skipped", "missing"]
    with manifest.open_journal(tmp_path) as journal:
        for name, each in zip(names, known, strict=False):
            image(tmp_path, name)
            journal.add(name, record(each))
        journal.merge()
        rows = {name: record(manifest.PLANNED, has_header=False) for name in names}
        planned = pd.DataFrame.from_dict(rows, orient="index")
        planned.index.name = "file_name"
        planned["t_obs"] = pd.to_datetime(planned["t_obs"])
        table = journal.merge(planned.reindex(columns=list(manifest.COLUMNS)))
    expected = ["done", "failed", "planned", "missing", "planned"]
    assert table.loc[names, "status"].tolist() == expected


def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_bytes(b"PAR1 not PAR1")
    with pytest.raises(AstrodomeError, match=r"Invalid manifest .*manifest\.parquet"):
        manifest.read(tmp_path)
