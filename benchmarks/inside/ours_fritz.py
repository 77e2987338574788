"""Run the tasks in ``older_fritz.py`` with ``astrodome_ztf_scope``."""

import tempfile
from pathlib import Path
from typing import Any

from serve import serve


def download(path: str, jobs: int) -> Any:
    from astrodome_ztf_scope.marshal.classifications.download import download_rows
    from astrodome_ztf_scope.marshal.fritz import Fritz

    folder = Path(tempfile.mkdtemp())
    count = len(Path(path).read_text().splitlines()) - 1

    def run() -> None:
        got = download_rows(Fritz(connections=jobs), Path(path), jobs=jobs)
        got.write(folder, ".csv")
        if got.counts()["found"] != count or set(got.table["classification"]) != {"variable"}:
            raise RuntimeError(f"{got.counts()} of {count} sources downloaded")

    return run


serve({"download": download})
