"""The task of ``older_fritz.py`` with the library of ``scope``."""

import tempfile
import time
from pathlib import Path

from serve import serve


def download(path: str, jobs: int) -> float:
    from astrodome_ztf_scope.marshal.classifications.download import download_rows
    from astrodome_ztf_scope.marshal.fritz import Fritz

    folder = Path(tempfile.mkdtemp())
    started = time.perf_counter()
    got = download_rows(Fritz(connections=jobs), Path(path), jobs=jobs)
    got.write(folder, ".csv")
    seconds = time.perf_counter() - started
    asked = len(Path(path).read_text().splitlines()) - 1
    if got.counts()["found"] != asked or set(got.table["classification"]) != {"variable"}:
        raise RuntimeError(f"{got.counts()} of {asked} sources came")
    return seconds


serve({"download": download})
