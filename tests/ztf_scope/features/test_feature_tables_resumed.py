"""``scope features``: interrupted commands, repeated commands, and memory usage."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.features.extraction import batches

Scope = Callable[..., Result]
COMMAND = (sys.executable, "-c", "from astrodome.app import main; main('scope')")
QUICK = ("--algorithms", "LS", "--max-freq", "2", "--samples-per-peak", "3")
"""Options of a period search that takes a few milliseconds."""


@pytest.fixture(scope="module")
def simulated() -> scope_api.Simulation:
    """Forty light curves of twenty sources of all classes, with 60 to 90 epochs each."""
    return scope_api.simulate_light_curves(20, seed=5, points=(60, 90), bands="gr")


@pytest.fixture
def light_curves(simulated: scope_api.Simulation, tmp_path: Path) -> Path:
    path = tmp_path / "light_curves.parquet"
    simulated.epochs.to_parquet(path, index=False)
    return path


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.xfail(
    np.lib.NumpyVersion(np.__version__) < "2.0.0",
    reason="in NumPy 1, the last digit of a result depends on the alignment of the array",
    strict=False,
)
def test_a_killed_command_is_resumed_with_the_same_result(
    scope: Scope, torture: Callable[[int, int], int], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The parts that were finished before each kill are not computed again."""
    sources = torture(48, 200)
    many = scope_api.simulate_light_curves(sources, seed=6, points=60, bands="gr").epochs
    many.to_parquet(tmp_path / "many.parquet")
    command = ["features", "--file", str(tmp_path / "many.parquet"), "--jobs=1"]
    command += [*QUICK[:2], "--max-freq=12"]
    scope(*command, "--out=clean.parquet").succeeded()
    parts = Path(".killed.parquet.parts")
    moments = random.Random(1)
    for _ in range(torture(2, 10)):
        before = len(list(parts.glob("features-*.parquet")))
        process = subprocess.Popen([*COMMAND, *command, "--out=killed.parquet"])
        while process.poll() is None:
            if len(list(parts.glob("features-*.parquet"))) > before:
                break
            time.sleep(0.002)
        time.sleep(moments.random() * 0.02)
        process.kill()
        process.wait()
        for part in parts.glob("features-*.parquet"):
            pq.read_metadata(part)
    seen = []
    compute_one = batches._compute_one

    def counted(*args: object) -> object:
        seen.append(args)
        return compute_one(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "_compute_one", counted)
    left = -(-2 * sources // batches.BATCH) - len(list(parts.glob("features-*.parquet")))
    scope(*command, "--out=killed.parquet").succeeded()
    assert Path("killed.parquet").exists() and len(seen) <= batches.BATCH * max(left, 0)
    assert digest("clean.parquet") == digest("killed.parquet")
    assert not list(Path().glob(".*"))


def test_another_option_or_input_starts_again(scope: Scope, light_curves: Path) -> None:
    scope("features", "--file", light_curves, *QUICK).succeeded()
    written = Path("features.parquet").stat().st_mtime_ns
    same = scope("features", "--file", light_curves, *QUICK).succeeded()
    assert "already contains the features of these light curves" in same.err
    assert Path("features.parquet").stat().st_mtime_ns == written
    refused = scope("features", "--file", light_curves, *QUICK, "--min-points=70")
    assert refused.code == 2 and "--force" in refused.err
    scope("features", "--file", light_curves, *QUICK, "--min-points=70", "--force").succeeded()
    assert len(pd.read_parquet("features.parquet")) < 40
    frame = pd.read_parquet(light_curves)
    frame["mag"] += 1
    frame.to_parquet(light_curves)
    changed = scope("features", "--file", light_curves, *QUICK, "--min-points=70")
    assert changed.code == 2 and "different computation of features" in changed.err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="requires Linux")
def test_memory_does_not_grow_with_the_number_of_light_curves(
    simulated: scope_api.Simulation, torture: Callable[[int, int], int], tmp_path: Path
) -> None:
    """Compare the peak memory of a process with that for an eighth of the light curves."""
    count = torture(2, 200)
    script = (
        "import sys\n"
        "from astrodome.app import main\n"
        "try:\n    main('scope', sys.argv[1:])\n"
        "except SystemExit as left:\n    assert not left.code\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print(int(status['VmHWM'].split()[0]) / 1024)\n"
    )
    peaks = []
    for repetitions in (count, 8 * count):
        data = tmp_path / f"{repetitions}.parquet"
        table = pa.Table.from_pandas(simulated.epochs, preserve_index=False)
        with pq.ParquetWriter(data, table.schema) as sink:
            for number in range(repetitions):
                ids = pc.add(table["_id"], 10**6 * number)
                position = table.column_names.index("_id")
                sink.write_table(table.set_column(position, "_id", ids))
        command = ["features", "--file", data, "--out", data.with_suffix(".features.parquet")]
        command += [*QUICK, "--max-freq=0.5", "--no-dmdt"]
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert f"{40 * repetitions} light curves processed" in done.stderr
        peaks.append(float(done.stdout.splitlines()[-1]))
    print(f"Peaks: {peaks} MiB")
    assert peaks[1] - peaks[0] < 60, peaks
