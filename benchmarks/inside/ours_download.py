"""The tasks of ``older_download.py`` with the libraries of astrodome."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from serve import serve


def download(url: str, target: str, count: int, size: str, jobs: int) -> float:
    from astrodome_sdo_data import downloads

    os.environ["ASTRODOME_GSU_URL"] = url
    start = datetime(2012, 1, 1)
    end = start + (count - 1) * timedelta(minutes=6)
    started = time.perf_counter()
    request = downloads.DownloadRequest(start, end, "6min", (171,), size=size)
    report = downloads.run_download(downloads.plan_download(request, Path(target)), jobs=jobs)
    taken = time.perf_counter() - started
    if not report.is_complete:
        raise RuntimeError(report.problems()[0])
    return taken


def plan(target: str, count: int) -> float:
    from astrodome_sdo_data import downloads

    start = datetime(2012, 1, 1)
    end = start + (count - 1) * timedelta(minutes=6)
    started = time.perf_counter()
    downloads.plan_download(downloads.DownloadRequest(start, end, "6min"), Path(target))
    return time.perf_counter() - started


serve({"download": download, "plan": plan})
