"""Downloads with sdo-cli; run with the Python of its environment."""

import time
from datetime import datetime, timedelta

from serve import serve


class Log:
    """The attributes of a command that the functions of sdo-cli need."""

    def log(self, *_: object) -> None:
        pass

    vlog = log


def download(url: str, target: str, count: int, size: str) -> float:
    from sdo.cmd.data.cmd_download import load_data
    from sdo.data_loader.image_param.IP_CONSTANTS import URL_STRINGS

    own = URL_STRINGS.aia_image_jpeg_url
    URL_STRINGS.aia_image_jpeg_url = own.replace("http://dmlab.cs.gsu.edu/dmlabapi", url)
    start = datetime(2012, 1, 1)
    end = start + (count - 1) * timedelta(minutes=6)
    started = time.perf_counter()
    load_data(Log(), target, start, end, "6min", False, ["171"], size)
    return time.perf_counter() - started


serve({"download": download})
