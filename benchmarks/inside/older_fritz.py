"""Downloads with scope-ml, one source after the other; run with the Python of its environment."""

import shutil
import time
from pathlib import Path

from serve import enter_scope_folder, serve


def download(path: str, host: str, token: str) -> float:
    enter_scope_folder()
    from scope import fritz
    from tools import scope_download_classification as tool

    fritz.api.__defaults__ = (None, token, f"http://{host}/", 10, 0.1)
    shutil.copy(path, "sample.csv")
    tool.BASE_DIR = Path.cwd()
    started = time.perf_counter()
    found = tool.download_classification(
        "sample.csv", [360], 0, False, "features", 1000, output_format="csv"
    )
    seconds = time.perf_counter() - started
    asked = len(Path(path).read_text().splitlines()) - 1
    if len(found) != asked or set(found["classification"]) != {"variable"}:
        raise RuntimeError(f"{len(found)} of {asked} sources came")
    return seconds


serve({"download": download})
