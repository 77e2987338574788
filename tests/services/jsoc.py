"""A fake server for JSOC: queries of records, exports that take some time, and their files.

It implements the CGI programs ``jsoc_info`` (op=rs_list) and ``jsoc_fetch`` (exp_request,
exp_status) as far as the package drms uses them, with the observations in :mod:`.vso`.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .fake_server import FakeServer, Request, Response
from .vso import Archive as Observations

TIME = "%Y-%m-%dT%H:%M:%SZ"


class Archive:
    """JSOC with these observations; only the e-mail address ``registered`` may export.

    The first ``polls`` requests for the status of an export return "pending"; if ``stuck`` is
    set, all of them do.
    """

    def __init__(self, observations: Observations, registered: str, polls: int = 2) -> None:
        self.observations, self.registered, self.polls = observations, registered, polls
        self.stuck = False
        self.exports: list[str] = []
        self.looked: dict[str, int] = {}
        self.root = Path("/SUM7/D1234/S00000")

    def server(self) -> FakeServer:
        return FakeServer(self.respond)

    def respond(self, request: Request) -> Response:
        said = {key: values[0] for key, values in request.query.items()}
        if request.path.endswith("/jsoc_info"):
            return _json(self._list(said["ds"]))
        if request.path.endswith("/jsoc_fetch"):
            return _json(self._request(said) if said["op"] == "exp_request" else self._status(said))
        number, _, name = request.path.removeprefix(f"{self.root}/").partition("/")
        found = re.fullmatch(r"aia\.(\d{14})\.(\d+)\.fits", name)
        if not number.isdigit() or not found:
            return Response(b"", 404)
        t_obs = datetime.strptime(found[1], "%Y%m%d%H%M%S")
        content = self.observations.fits(t_obs, int(found[2]))
        return Response(content, 200, "application/octet-stream")

    def _list(self, records: str) -> dict[str, Any]:
        times, _ = self._records(records)
        values = [f"{time:{TIME}}" for time in times]
        return {"status": 0, "count": len(times), "keywords": [{"name": "T_REC", "values": values}]}

    def _records(self, records: str) -> tuple[list[datetime], int]:
        """Return the times and the wavelength of a query by range or of a list of records."""
        found = re.match(r"aia\.lev1_\w+\[([^\]]+)\]\[(\d+)\]", records)
        assert found, records
        span = re.fullmatch(r"(\S+Z)-(\S+Z)(?:@(\d+)s)?", found[1])
        if not span:
            wanted = {datetime.strptime(each, TIME) for each in found[1].split(",")}
            return [time for time in self.observations.times if time in wanted], int(found[2])
        start, end = (datetime.strptime(span[n], TIME) for n in (1, 2))
        times = []
        next_one = start
        for time in self.observations.times:
            if next_one <= time <= end:
                times.append(time)
                while span[3] and next_one <= time:
                    next_one += timedelta(seconds=int(span[3]))
        return times, int(found[2])

    def _request(self, said: dict[str, str]) -> dict[str, Any]:
        if said["notify"] != self.registered:
            return {"status": 4, "error": f"User {said['notify']} has not been registered."}
        self.exports.append(said["ds"])
        number = f"JSOC_20120101_{len(self.exports):03d}"
        self.looked[number] = 0
        return {"status": 2, "requestid": number, "method": "url", "protocol": "fits", "wait": 1}

    def _status(self, said: dict[str, str]) -> dict[str, Any]:
        number = said["requestid"]
        self.looked[number] += 1
        about = {"requestid": number, "method": "url", "protocol": "fits"}
        if self.stuck or self.looked[number] <= self.polls:
            return about | {"status": 1, "wait": 1}
        place = int(number[-3:])
        times, wavelength = self._records(self.exports[place - 1])
        data = [
            {
                "record": f"aia.lev1_euv_12s[{time:{TIME}}][{wavelength}]{{image}}",
                "filename": f"aia.{time:%Y%m%d%H%M%S}.{wavelength}.fits",
            }
            for time in times
        ]
        place_of = f"{self.root}/{place}"
        return about | {"status": 0, "dir": place_of, "count": len(data), "size": 1, "data": data}


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document).encode())
