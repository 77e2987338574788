"""Run the tasks in ``older_download.py`` with ``astrodome_sdo_data``."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from astrodome_sdo_data import downloads
from serve import serve

START = datetime(2012, 1, 1)


def download(url: str, target: str, count: int, size: str, jobs: int) -> Any:
    os.environ["ASTRODOME_GSU_URL"] = url
    end = START + (count - 1) * timedelta(minutes=6)

    def run() -> None:
        request = downloads.DownloadRequest(START, end, "6min", (171,), size=size)
        report = downloads.run_download(downloads.plan_download(request, Path(target)), jobs=jobs)
        if not report.is_complete:
            raise RuntimeError(report.problems()[0])

    return run


def plan(target: str, count: int) -> Any:
    request = downloads.DownloadRequest(START, START + (count - 1) * timedelta(minutes=6), "6min")
    return lambda: downloads.plan_download(request, Path(target))


serve({"download": download, "plan": plan})
