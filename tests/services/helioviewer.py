"""A fake server for the API v2 of Helioviewer: data sources, the nearest image, JPEG 2000 files.

Each observation has a different image: a real one that is shifted, with a header that contains
its time, wavelength and quality. Like the real service, it returns the nearest image for every
time, and errors as JSON with status 500.
"""

from __future__ import annotations

import io
import json
import re
from bisect import bisect_left
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from .fake_server import FakeServer, Request, Response

IDS = {94: 8, 131: 9, 171: 10, 193: 11, 211: 12, 304: 13, 335: 14, 1600: 15, 1700: 16, 4500: 17}


class Archive:
    """Observations of each wavelength at ``times``, derived from a file of Helioviewer."""

    def __init__(self, original: Path, times: list[datetime]) -> None:
        content = original.read_bytes()
        self.xml = re.search(rb"<meta>.*</meta>", content, re.DOTALL)[0].decode()  # type: ignore[index]
        with Image.open(original) as image:
            image.load()
            self.sun = image.convert("L")
        self.times = {number: sorted(times) for number in IDS.values()}
        self.quality: dict[datetime, int] = {}
        self.detectors = False
        self.image = lru_cache(64)(self._image)

    def server(self) -> FakeServer:
        return FakeServer(self.respond)

    def respond(self, request: Request) -> Response:
        call = request.path.strip("/").removeprefix("v2/")
        try:
            if call == "getDataSources":
                return Response(json.dumps(self.data_sources()).encode())
            if call not in ("getClosestImage", "getJP2Image"):
                return _error(f"Unknown action {call}.", 26)
            number = int(request.query["sourceId"][0])
            date = datetime.strptime(request.query["date"][0], "%Y-%m-%dT%H:%M:%SZ")
        except (KeyError, ValueError) as error:
            return _error(f"Invalid parameter: {error}", 25)
        if not self.times.get(number):
            return _error("No data of the requested type are currently available.", 10)
        nearest = self.nearest(number, date)
        if call == "getClosestImage":
            about = {"id": str(1000 + number), "date": f"{nearest:%Y-%m-%d %H:%M:%S}"}
            return Response(json.dumps(about).encode())
        name = f"{nearest:%Y_%m_%d__%H_%M_%S}_84__SDO_AIA_AIA_{_wavelength(number)}.jp2"
        disposition = f'attachment; filename="{name}"'
        headers = {"Content-Disposition": disposition, "Content-Encoding": "none"}
        return Response(self.image(number, nearest), 200, "image/jp2", headers)

    def nearest(self, number: int, date: datetime) -> datetime:
        times = self.times[number]
        at = bisect_left(times, date)
        return min(times[max(0, at - 1) : at + 1], key=lambda time: abs(time - date))

    def data_sources(self) -> dict[str, Any]:
        leaves = {}
        for wavelength, number in IDS.items():
            if times := self.times.get(number):
                leaves[str(wavelength)] = {
                    "sourceId": number,
                    "nickname": f"AIA {wavelength}",
                    "start": f"{times[0]:%Y-%m-%d %H:%M:%S}",
                    "end": f"{times[-1]:%Y-%m-%d %H:%M:%S}",
                    "layeringOrder": 1,
                }
        hmi = {"continuum": {"sourceId": 18}, "magnetogram": {"sourceId": 19}}
        return {"SDO": {"AIA": {"AIA": leaves} if self.detectors else leaves, "HMI": hmi}}

    def _image(self, number: int, time: datetime) -> bytes:
        shift = int((time - datetime(2010, 1, 1)) / timedelta(seconds=36)) % 409
        buffer = io.BytesIO()
        ImageChops.offset(self.sun, shift, number).save(buffer, "JPEG2000", irreversible=True)
        stamp = f"{time:%Y-%m-%dT%H:%M:%S}.84"
        values = {
            **dict.fromkeys(("DATE_OBS", "DATE-OBS"), stamp),
            "T_OBS": f"{stamp}Z",
            "WAVELNTH": str(_wavelength(number)),
            "QUALITY": str(self.quality.get(time, 0)),
        }
        xml = self.xml
        for key, value in values.items():
            xml = re.sub(rf"<{key}>[^<]*</{key}>", f"<{key}>{value}</{key}>", xml)
        box = xml.encode()
        return buffer.getvalue() + (len(box) + 8).to_bytes(4, "big") + b"xml " + box


def _wavelength(number: int) -> int:
    return next(wavelength for wavelength, known in IDS.items() if known == number)


def _error(text: str, number: int) -> Response:
    return Response(json.dumps({"error": text, "errno": number}).encode(), 500)
