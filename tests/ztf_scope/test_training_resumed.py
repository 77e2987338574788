"""A command completes the files of an interrupted run, and waits for other processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.classifiers import derived_files

Scope = Callable[..., Result]
GROUP = Path("models/experiment")
RUN = GROUP / "xgb/e/42"
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')", "train")
HOLD = """
import sys, time
from pathlib import Path
from astrodome import files
with files.lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def train(scope: Scope, dataset: Callable[..., Path]) -> Callable[..., Result]:
    data = dataset(".parquet", 300)
    return lambda *more: scope(
        *("train", "--tag=e", "--path-dataset", data, "--algorithm=xgb", "--jobs=1", "--json"),
        *more,
    )


def test_the_report_is_written_again_when_it_is_missing_or_older_than_a_run(
    train: Callable[..., Result],
) -> None:
    train("--no-plot").succeeded()
    page = GROUP / "report.html"
    whole = page.read_text()
    times = page.stat().st_mtime_ns
    train("--no-plot").succeeded()
    assert page.stat().st_mtime_ns == times  # it was up to date
    page.unlink()
    (row,) = train("--no-plot").succeeded().json
    assert row["trained"] == "before" and whole[:500] == page.read_text()[:500]
    os.utime(page, ns=(0, 0))
    train("--no-plot").succeeded()
    assert page.stat().st_mtime_ns > times


def test_missing_plots_and_metrics_of_a_finished_run_are_written(
    train: Callable[..., Result],
) -> None:
    train().succeeded()
    plots = sorted(path.name for path in (RUN / "plots").iterdir())
    metrics = (RUN / "metrics.json").read_bytes()
    shutil.rmtree(RUN / "plots")
    (RUN / "metrics.json").unlink()
    (row,) = train().succeeded().json
    assert row["trained"] == "before" and row["f1"] is not None
    assert sorted(path.name for path in (RUN / "plots").iterdir()) == plots
    assert (RUN / "metrics.json").read_bytes() == metrics


def test_a_file_is_stale_when_it_is_missing_or_not_newer_than_its_sources(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    assert not derived_files.stale(target, [source])  # The source does not exist.
    source.touch()
    assert derived_files.stale(target, [source])
    target.touch()
    os.utime(source, ns=(1000, 1000))
    for time, expected in ((1001, False), (1000, True), (999, True)):
        os.utime(target, ns=(time, time))
        assert derived_files.stale(target, [source]) is expected


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_that_another_process_trains_is_waited_for_and_has_not_failed(
    finished: bool, train: Callable[..., Result], dataset: Callable[..., Path]
) -> None:
    train("--no-plot").succeeded()
    place = Path("models/other/xgb/e")
    hold = [sys.executable, "-c", HOLD, str(place / ".42.lock")]
    command = ["--tag=e", "--tag=i", "--path-dataset", str(dataset(".parquet", 300))]
    command += ["--algorithm=xgb", "--no-plot", "--group=other", "--json"]
    pipes = {"stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(hold, stdin=subprocess.PIPE, **pipes) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == "held\n"
        with subprocess.Popen([*COMMAND, *command], stderr=subprocess.PIPE, **pipes) as waiting:
            assert waiting.stderr and waiting.stdout
            for line in waiting.stderr:
                if line.startswith("Waiting for another process"):
                    break
            assert line == "Waiting for another process that is training e 42.\n"
            assert (place.parent / "i/42/metrics.json").exists()  # The other runs do not wait.
            if finished:
                shutil.copytree(RUN, place / "42")
            other.stdin.close()
            rows = {row["tag"]: row["trained"] for row in json.loads(waiting.stdout.read())}
    assert waiting.returncode == 0
    assert rows == {"e": "by another process" if finished else "now", "i": "now"}
