"""Use the GOES cache of sdo-cli. This module runs in the environment of sdo-cli."""

import shutil
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve


@cache
def opened(folder: str) -> Any:
    from sdo.data_loader.goes.cache import GOESCache

    return GOESCache(folder)


def convert(folder: str, first: str, last: str) -> Any:
    """Convert CSV files to Parquet, which is the last step of a download with sdo-cli."""
    fetch = opened(folder).fetch_goes_metadata
    shutil.rmtree(Path(folder) / "goes_cache" / "goes_ts.parquet", ignore_errors=True)
    return lambda: fetch(datetime.fromisoformat(first), datetime.fromisoformat(last), folder)


def flux(folder: str, times: list[str]) -> Any:
    cached = opened(folder)
    return lambda: [cached.get_goes_at(text)["xrsb"] for text in times]


serve({"convert": convert, "flux": flux})
