"""Download images with sdo-cli. This module runs in the environment of sdo-cli."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from serve import Log, serve


def download(url: str, target: str, count: int, size: str) -> Any:
    from sdo.cmd.data.cmd_download import load_data
    from sdo.data_loader.image_param.IP_CONSTANTS import URL_STRINGS

    own = URL_STRINGS.aia_image_jpeg_url
    URL_STRINGS.aia_image_jpeg_url = own.replace("http://dmlab.cs.gsu.edu/dmlabapi", url)
    start = datetime(2012, 1, 1)
    end = start + (count - 1) * timedelta(minutes=6)
    return partial(load_data, Log(), target, start, end, "6min", False, ["171"], size)


serve({"download": download})
