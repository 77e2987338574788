"""Download classifications with scope-ml. This module runs in the environment of scope-ml."""

import os
import shutil
from pathlib import Path
from typing import Any

from serve import enter_scope_folder, serve


def download(path: str) -> Any:
    enter_scope_folder()
    from scope import fritz
    from tools import scope_download_classification as tool

    url, token = os.environ["ASTRODOME_FRITZ_URL"], os.environ["ASTRODOME_FRITZ_TOKEN"]
    fritz.api.__defaults__ = (None, token, f"{url}/", 10, 0.1)
    shutil.copy(path, "sample.csv")
    tool.BASE_DIR = Path.cwd()
    count = len(Path(path).read_text().splitlines()) - 1

    def run() -> None:
        found = tool.download_classification(
            "sample.csv", [360], 0, False, "features", 1000, output_format="csv"
        )
        if len(found) != count or set(found["classification"]) != {"variable"}:
            raise RuntimeError(f"{len(found)} of {count} sources downloaded")

    return run


serve({"download": download})
