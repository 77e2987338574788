"""The tasks with the GOES cache of sdo-cli; run with the Python of its environment."""

import shutil
import time
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve


@cache
def opened(folder: str) -> Any:
    from sdo.data_loader.goes.cache import GOESCache

    return GOESCache(folder)


def convert(folder: str, first: str, last: str) -> float:
    """Convert its CSV files to Parquet, the last step of its download."""
    made = opened(folder)
    shutil.rmtree(Path(folder) / "goes_cache" / "goes_ts.parquet", ignore_errors=True)
    started = time.perf_counter()
    made.fetch_goes_metadata(datetime.fromisoformat(first), datetime.fromisoformat(last), folder)
    return time.perf_counter() - started


def flux(folder: str, times: list[str]) -> float:
    made = opened(folder)
    started = time.perf_counter()
    for text in times:
        made.get_goes_at(text)["xrsb"]
    return time.perf_counter() - started


serve({"convert": convert, "flux": flux})
