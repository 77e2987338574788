"""A fake server for the search of HEK (``her?cosec=2&cmd=search``), and events for it.

The events have the format of active regions in HEK: 170 fields, most of them null or empty,
numbers also as text, links in a list.
"""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .fake_server import FakeServer, Request, Response

LIMIT = 100
"""Default number of events per page."""

NULLS = """
absnetcurrenthelicity area_atdiskcenteruncert area_raw area_uncert ar_axislength ar_neutrallength
ar_pilcurvature ar_polarity ar_spotarearaw ar_spotarearawuncert ar_spotarearepr
ar_spotarearepruncert ar_sumnegsignedflux ar_sumpossignedflux bound_ccnsteps bound_ccstartc1
bound_ccstartc2 event_avg_rating event_coord3 event_importance event_npixels frm_versionnumber
gwill highsheararea highshearareapercent intenskurt intensmax intensmean intensmedian intensmin
intensskew intenstotal intensvar log_r_value maxmagfieldstrength meancurrenthelicity
meangradienthorz meangradienttotal meangradientvert meaninclinationgamma meanphotoenergydensity
meanshearangle meantwistalpha meanvertcurrentdensity obs_levelnum savncpp totalphotoenergy
totalphotoenergydensity unsignedcurrenthelicity unsignedflux unsignedvertcurrent
"""
EMPTY = """
ar_compactnesscls ar_lengthunit ar_noaaclass ar_penumbracls ar_spotarearawunit ar_spotareareprunit
ar_zurichcls bound_chaincode chaincodetype currentdensityunit currenthelicityunit currentunit
event_clippedspatial event_clippedtemporal event_expires event_importance_num_ratings event_mapurl
event_maskurl event_pixelunit event_title frm_specificid gradientunit gs_galleryid gs_imageurl
gs_movieurl gs_thumburl gwillunit hgc_boundcc hgs_boundcc highshearareaunit hpc_boundcc hrc_boundcc
intensunit magfluxunit maxmagfieldstrengthunit meanenergydensityunit obs_dataprepurl
obs_firstprocessingdate obs_includesnrt obs_lastprocessingdate obs_title rasterscan rasterscantype
refs_orig sharp_noaa_ars totalenergydensityunit totalphotoenergyunit twistunit
"""
FLARE = """
fl_efoldtime fl_efoldtimeunit fl_fluence fl_fluenceunit fl_halphaclass fl_peakem fl_peakemunit
fl_peakflux fl_peakfluxunit fl_peaktemp fl_peaktempunit skel_chaincode skel_curvature skel_nsteps
skel_startc1 skel_startc2
"""
"""Fields that only flares have: text if the name ends in ``unit`` or ``class``, else numbers."""


def region(number: int = 13260, x: float = 637.91868, y: float = 445.945566, **changes: Any) -> Any:
    """Return an active region of 2023-03-29 as reported by NOAA; positions in arcsec."""
    box = f"{x - 8} {y - 9},{x + 14} {y - 12},{x + 7} {y + 9.5},{x - 14} {y + 12},{x - 8} {y - 9}"
    day = "20230329"
    return (
        dict.fromkeys(NULLS.split())
        | dict.fromkeys(EMPTY.split(), "")
        | {
            "active": "true",
            "area_atdiskcenter": 426114560,
            "area_unit": "km2",
            "ar_mcintoshcls": "HAX",
            "ar_mtwilsoncls": "ALPHA",
            "ar_noaanum": number,
            "ar_numspots": 2,
            "boundbox_c1ll": 45,
            "boundbox_c1ur": 47.5,
            "boundbox_c2ll": 22.2780704498291,
            "boundbox_c2ur": 23.7219295501709,
            "comment_count": "0",
            "concept": "Active Region",
            "eventtype": "1",
            "event_c1error": 1,
            "event_c2error": 0.7219269871711731,
            "event_coord1": 46,
            "event_coord2": 23,
            "event_coordsys": "UTC-HGS-TOPO",
            "event_coordunit": "deg deg",
            "event_description": "The extent in latitude is reckoned from the area – é.",
            "event_endtime": "2023-03-29T23:59:59",
            "event_probability": 1,
            "event_score": "0.0509090911315275008",
            "event_starttime": "2023-03-29T00:00:00",
            "event_testflag": "false",
            "event_type": "AR",
            "frm_contact": "http://www.swpc.noaa.gov/",
            "frm_daterun": "2023-03-29T03:02:03",
            "frm_humanflag": "true",
            "frm_identifier": "NOAA SWPC",
            "frm_institute": "NOAA Space Weather Prediction Center",
            "frm_name": "NOAA SWPC Observer",
            "frm_paramset": "N/A",
            "frm_url": "N/A",
            "hcr_checked": "true",
            "hgc_bbox": "POLYGON((-15.9 22.3,-13.9 22.3,-13.9 23.7,-15.9 23.7,-15.9 22.3))",
            "hgc_coord": "POINT(-14.92917 23)",
            "hgc_x": -14.92917,
            "hgc_y": 23,
            "hgs_bbox": "POLYGON((45 22.3,47 22.3,47 23.7,45 23.7,45 22.3))",
            "hgs_coord": "POINT(46 23)",
            "hgs_x": 46,
            "hgs_y": 23,
            "hpc_bbox": f"POLYGON(({box}))",
            "hpc_coord": f"POINT({x} {y})",
            "hpc_geom": "0101000000EDBB22F85FB38340B323D5777E487B40",
            "hpc_radius": "778.336489012305492",
            "hpc_x": x,
            "hpc_y": y,
            "hrc_a": 304.955986626711,
            "hrc_bbox": "POLYGON((0.79 304.7,0.81 303.6,0.82 305.2,0.80 306.2,0.79 304.7))",
            "hrc_coord": "POINT(0.810135709024954 304.955986626711)",
            "hrc_r": 0.810135709024954,
            "kb_archivdate": "2023-03-29T03:02:05",
            "kb_archivid": f"ivo://helio-informatics.org/AR_NOAASWPCObserver_{day}_NOAA{number}_{day}",
            "kb_archivist": "autosubmission_swpc",
            "noposition": "false",
            "obs_channelid": "visible",
            "obs_instrument": "various",
            "obs_meanwavel": 5e-05,
            "obs_observatory": "various",
            "obs_wavelunit": "cm",
            "refs": [{"ref_name": "FRM_URL", "ref_type": "unknown", "ref_url": "N/A"}],
            "revision": "1",
            "search_channelid": "visible",
            "search_frm_name": "SWPC",
            "search_instrument": "nil",
            "search_observatory": "nil",
            "SOL_standard": "SOL2023-03-29T00:00:00L346C067",
            "sum_overlap_scores": "0",
            **changes,
        }
    )


def flare(**changes: Any) -> Any:
    """Return a flare of 2023-03-29; its fields differ from those of active regions."""
    texts = ("unit", "class", "code")
    own = {name: "" if name.endswith(texts) else None for name in FLARE.split()}
    shared = {name: value for name, value in region().items() if not name.startswith("ar_s")}
    return (
        shared
        | own
        | {
            "concept": "Flare",
            "eventtype": "9",
            "event_coordunit": "degrees",
            "event_endtime": "2023-03-29T16:14:00",
            "event_peaktime": "2023-03-29T16:12:00",
            "event_probability": None,
            "event_starttime": "2023-03-29T15:58:00",
            "event_type": "FL",
            "fl_goescls": "C5.6",
            "frm_name": "SWPC",
            "kb_archivid": "ivo://helio-informatics.org/FL_SWPC_20230330_001521_20230329155800",
            "obs_channelid": "XRA",
            "obs_instrument": "GOES",
            "obs_meanwavel": 5e-08,
            "obs_observatory": "GOES",
            **changes,
        }
    )


def day() -> list[Any]:
    """Return ten events of 2023-03-29: eight regions, and a flare reported by two methods."""
    places = ((788, -309), (622, -381), (870, 409), (638, 446), (127, -206), (741, 359))
    regions = [
        region(13256 + n, x + 0.301, y + 0.61803)
        for n, (x, y) in enumerate((*places, (-288, 352), (456, 404)))
    ]
    other = flare(
        ar_noaanum=3256,
        event_probability=1,
        fl_goescls="C5.7",
        frm_name="SSW Latest Events",
        kb_archivid="ivo://helio-informatics.org/FL_SSWLatestEvents_20230329_155800",
        obs_channelid="EUV",
        obs_instrument="AIA",
        obs_observatory="SDO",
        search_channelid="131,171,193,211,304",
    )
    return [*regions, flare(), other]


class Hek:
    """The event knowledgebase with these events.

    ``page`` is the maximum number of events per page, whatever the request specifies. Requests
    for a time range longer than ``longest`` get the status 504, as from a proxy that timed out.
    """

    def __init__(
        self,
        events: Iterable[Mapping[str, Any]] = (),
        page: int = 10_000,
        longest: timedelta = timedelta.max,
    ) -> None:
        self.page, self.longest = page, longest
        self.lock = threading.Lock()
        self.events: dict[str, Mapping[str, Any]] = {}
        self.issue(*events)

    def issue(self, *events: Mapping[str, Any]) -> None:
        """Add events, or replace those with the same id."""
        with self.lock:
            self.events |= {event["kb_archivid"]: event for event in events}

    def server(self) -> FakeServer:
        """Return the server; the address of the search is ``url + "/hek/her"``."""
        return FakeServer(self.respond)

    def respond(self, request: Request) -> Response:
        given = {name: values[0] for name, values in request.query.items()}
        expected = {"cosec": "2", "cmd": "search", "type": "column"}
        if request.path != "/hek/her" or expected.items() - given.items():
            return Response(b"<html>SYNTAX ERROR in URL</html>", 200, "text/html")
        start, end = (given["event_starttime"], given["event_endtime"])
        if datetime.fromisoformat(end) - datetime.fromisoformat(start) > self.longest:
            return Response(b"<html>Gateway Timeout</html>", 504, "text/html")
        with self.lock:
            found = [event for event in self.events.values() if _matches(event, given)]
        found.sort(key=lambda event: (event["event_starttime"], event["kb_archivid"]))
        limit = min(int(given.get("result_limit", LIMIT)), self.page)
        first = (int(given.get("page", "1")) - 1) * limit
        page = found[first : first + limit]
        document = {"result": page, "overmax": first + limit < len(found)}
        return Response(json.dumps(document, ensure_ascii=False).encode())


def _matches(event: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    types = given.get("event_type", "**").upper().split(",")
    if types != ["**"] and str(event["event_type"]) not in types:
        return False
    if not (
        str(event["event_starttime"]) <= given["event_endtime"]
        and str(event["event_endtime"]) >= given["event_starttime"]
    ):
        return False
    number = 0
    while f"param{number}" in given:
        compare = operator.ne if given[f"op{number}"] == "!=" else operator.eq
        known = str(event.get(given[f"param{number}"].lower(), "")).lower()
        if not compare(known, given[f"value{number}"].lower()):
            return False
        number += 1
    return True
