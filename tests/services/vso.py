"""A fake server for the Virtual Solar Observatory: its SOAP interface, and FITS files.

The WSDL contains the types and operations that the client of sunpy uses (namespace
``http://virtualsolar.org/VSO/VSOi``, rpc/literal). The records are AIA level 1; each file
contains a real image, with a brightness that depends on the time, and the header of its record.
"""

from __future__ import annotations

import io
import re
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
from astropy.io import fits

from .fake_server import FakeServer, Request, Response

SPACE = "http://virtualsolar.org/VSO/VSOi"
STRINGS = "provider source instrument physobs level resolution detector filter sample quicklook"
TYPES = {
    "Time": "start:string end:string near:string",
    "Wave": "wavemin:string wavemax:string waveunit:string wavetype:string",
    "Extent": "x:string y:string width:string length:string type:string",
    "QueryRequestBlock": "time:Time wave:Wave extent:Extent "
    + " ".join(f"{name}:string" for name in f"{STRINGS} pixels pscale".split()),
    "QueryRequest": "version:float block:QueryRequestBlock",
    "QueryResponseBlock": "provider:string source:string instrument:string physobs:string "
    "time:Time wave:Wave extent:Extent size:float info:string fileid:string",
    "QueryResponseBlockArray": "recorditem:QueryResponseBlock*",
    "ProviderQueryResponse": "version:float provider:string no_of_records_found:int "
    "no_of_records_returned:int record:QueryResponseBlockArray error:string",
    "QueryResponse": "provideritem:ProviderQueryResponse*",
    "MethodItem": "methodtype:string*",
    "Info": "email:string site:string required:string",
    "FileidItem": "fileid:string*",
    "DataRequestItem": "provider:string fileiditem:FileidItem",
    "DataContainer": "datarequestitem:DataRequestItem*",
    "GetDataRequest": "method:MethodItem info:Info datacontainer:DataContainer",
    "VSOGetDataRequest": "version:string request:GetDataRequest",
    "DataItem": "url:string provider:string fileiditem:FileidItem",
    "GetDataItem": "dataitem:DataItem*",
    "GetDataResponseItem": "version:string provider:string status:string method:MethodItem "
    "info:Info getdataitem:GetDataItem",
    "VSOGetDataResponse": "getdataresponseitem:GetDataResponseItem*",
}
OPERATIONS = {
    "Query": ("QueryRequest", "QueryResponse"),
    "GetData": ("VSOGetDataRequest", "VSOGetDataResponse"),
}


class Archive:
    """``count`` records of each wavelength from ``start`` on, derived from a real AIA image."""

    def __init__(
        self,
        original: Path,
        start: datetime,
        count: int,
        cadence: timedelta = timedelta(seconds=12),
        side: int = 128,
    ) -> None:
        with warnings.catch_warnings(action="ignore"), fits.open(original) as content:
            self.counts = np.kron(
                np.asarray(content[0].data, float),
                np.ones((side // content[0].shape[0],) * 2),
            )
        self.times = [start + number * cadence + timedelta(seconds=2) for number in range(count)]
        self.wavelengths = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
        self.quality: dict[datetime, int] = {}
        self.lost: set[datetime] = set()
        """Times of records without a file in the archive."""
        self.error = ""
        """Error message of the provider in the response to a query."""
        self.url = ""

    def server(self) -> FakeServer:
        server = FakeServer(self.respond)
        self.url = server.url
        return server

    @property
    def wsdl(self) -> str:
        return f"{self.url}/vso.wsdl"

    def respond(self, request: Request) -> Response:
        if request.path == "/vso.wsdl":
            return Response(_wsdl(f"{self.url}/soap").encode(), content_type="text/xml")
        if request.path.startswith("/file/"):
            return self._file(request.path.removeprefix("/file/"))
        if request.method != "POST":
            return Response(
                b"", 411
            )  # The client checks with this request whether the server is reachable.
        body = ElementTree.fromstring(request.body).find("{*}Body")
        assert body is not None
        call = body[0]
        name = call.tag.rpartition("}")[2]
        inner = self._query(call) if name == "Query" else self._get_data(call)
        return Response(_envelope(f"{name}Response", inner).encode(), content_type="text/xml")

    def _query(self, call: ElementTree.Element) -> str:
        def said(path: str) -> str:
            return call.findtext(f".//{path}") or ""

        instrument, provider = said("instrument"), said("provider")
        if instrument.lower() not in ("", "aia") or provider not in ("", "JSOC"):
            return "<body/>"
        if self.error:
            item = f"<provider>JSOC</provider><error>{escape(self.error)}</error>"
            return f"<body><provideritem>{item}</provideritem></body>"
        start, end = (datetime.strptime(said(part), "%Y%m%d%H%M%S") for part in ("start", "end"))
        low, high = float(said("wavemin") or 0), float(said("wavemax") or 1e9)
        sample = timedelta(seconds=float(said("sample") or 0))
        records = []
        for wavelength in self.wavelengths:
            next_one = start
            for t_obs in self.times:
                if low <= wavelength <= high and next_one <= t_obs <= end:
                    records.append(_record(t_obs, wavelength))
                    while sample and next_one <= t_obs:
                        next_one += sample
        count = f"<no_of_records_found>{len(records)}</no_of_records_found>"
        record = f"<record>{''.join(records)}</record>" if records else ""
        item = f"<provider>JSOC</provider>{count}{record}"
        return f"<body><provideritem>{item}</provideritem></body>"

    def _get_data(self, call: ElementTree.Element) -> str:
        items = ""
        for each in call.iter("fileid"):
            name = escape(each.text or "")
            url = f"{self.url}/file/{name.replace(':', '/')}"
            items += f"<dataitem><url>{url}</url><provider>JSOC</provider>"
            items += f"<fileiditem><fileid>{name}</fileid></fileiditem></dataitem>"
        about = "<provider>JSOC</provider><status>200 OK</status>"
        about += "<method><methodtype>URL-FILE_Rice</methodtype></method>"
        item = f"{about}<getdataitem>{items}</getdataitem>"
        return f"<body><getdataresponseitem>{item}</getdataresponseitem></body>"

    def _file(self, name: str) -> Response:
        found = re.fullmatch(r"aia__lev1/(\d+)/(\d{14})", name)
        if not found:
            return Response(b"", 404)
        t_obs = datetime.strptime(found[2], "%Y%m%d%H%M%S")
        if t_obs in self.lost:
            return Response(b"", 404)
        headers = {"Content-Disposition": f'attachment; filename="aia.lev1.{found[2]}.fits"'}
        content = self.fits(t_obs, int(found[1]))
        return Response(content, 200, "application/octet-stream", headers)

    def brightness(self, t_obs: datetime) -> float:
        return 1.0 + (self.times.index(t_obs) % 10) / 10

    def fits(self, t_obs: datetime, wavelength: int) -> bytes:
        """Return the file of a record: Rice-compressed counts with a header of level 1."""
        side = len(self.counts)
        counts = np.clip(self.counts * self.brightness(t_obs) * 2, 0, 16000).astype(np.int16)
        unit = fits.CompImageHDU(counts, compression_type="RICE_1")
        larger = side / 4096
        unit.header.update(
            {
                **{"TELESCOP": "SDO/AIA", "INSTRUME": "AIA_3", "WAVELNTH": wavelength},
                **{"WAVEUNIT": "angstrom", "EXPTIME": 2.0, "LVL_NUM": 1.0, "BUNIT": "DN"},
                "T_OBS": f"{t_obs + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}.00Z",
                "DATE-OBS": f"{t_obs:%Y-%m-%dT%H:%M:%S}.00",
                **{"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"},
                **{"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CRVAL1": 0.0, "CRVAL2": 0.0},
                **{"CDELT1": 0.6 / larger, "CDELT2": 0.6 / larger, "CROTA2": 0.0, "SAT_ROT": 0.0},
                **{"CRPIX1": 2048.5 * larger + 0.5 - 0.5 * larger},
                **{"CRPIX2": 2048.5 * larger + 0.5 - 0.5 * larger},
                **{"RSUN_OBS": 972.0, "RSUN_REF": 6.96e8, "DSUN_OBS": 1.4777e11},
                **{"HGLN_OBS": 0.0, "HGLT_OBS": -6.8, "QUALITY": self.quality.get(t_obs, 0)},
            }
        )
        file = fits.HDUList([fits.PrimaryHDU(), unit])
        buffer = io.BytesIO()
        file.writeto(buffer)
        return buffer.getvalue()


def _record(t_obs: datetime, wavelength: int) -> str:
    end = t_obs + timedelta(seconds=1)
    wave = f"<wavemin>{wavelength}</wavemin><wavemax>{wavelength}</wavemax>"
    return (
        "<recorditem><provider>JSOC</provider><source>SDO</source><instrument>AIA</instrument>"
        "<physobs>intensity</physobs>"
        f"<time><start>{t_obs:%Y%m%d%H%M%S}</start><end>{end:%Y%m%d%H%M%S}</end></time>"
        f"<wave>{wave}<waveunit>Angstrom</waveunit><wavetype>NARROW</wavetype></wave>"
        "<size>64848</size>"
        f"<fileid>aia__lev1:{wavelength}:{t_obs:%Y%m%d%H%M%S}</fileid></recorditem>"
    )


def _envelope(name: str, inner: str) -> str:
    return (
        '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<soap:Body><v:{name} xmlns:v="{SPACE}">{inner}</v:{name}></soap:Body></soap:Envelope>'
    )


def _wsdl(address: str) -> str:
    types, messages, operations, bindings = "", "", "", ""
    for name, members in TYPES.items():
        elements = ""
        for member in members.split():
            element, _, kind = member.partition(":")
            many = ' maxOccurs="unbounded"' if kind.endswith("*") else ""
            kind = kind.rstrip("*")
            kind = f"v:{kind}" if kind in TYPES else f"xsd:{kind}"
            elements += f'<xsd:element name="{element}" type="{kind}" minOccurs="0"{many}/>'
        types += f'<xsd:complexType name="{name}"><xsd:sequence>{elements}'
        types += "</xsd:sequence></xsd:complexType>"
    for name, (request, response) in OPERATIONS.items():
        for message, kind in ((name, request), (f"{name}Response", response)):
            messages += f'<message name="{message}"><part name="body" type="v:{kind}"/></message>'
        operations += f'<operation name="{name}"><input message="v:{name}"/>'
        operations += f'<output message="v:{name}Response"/></operation>'
        body = f'<soap:body use="literal" namespace="{SPACE}"/>'
        bindings += f'<operation name="{name}"><soap:operation soapAction="{SPACE}#{name}"/>'
        bindings += f"<input>{body}</input><output>{body}</output></operation>"
    ports = "".join(
        f'<port name="{port}" binding="v:VSOiBinding"><soap:address location="{address}"/></port>'
        for port in ("nsoVSOi", "sdacVSOi")
    )
    return (
        '<?xml version="1.0"?><definitions name="VSOi" xmlns="http://schemas.xmlsoap.org/wsdl/" '
        'xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:v="{SPACE}" targetNamespace="{SPACE}">'
        f'<types><xsd:schema targetNamespace="{SPACE}">{types}</xsd:schema></types>{messages}'
        f'<portType name="VSOiPort">{operations}</portType>'
        '<binding name="VSOiBinding" type="v:VSOiPort">'
        '<soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'{bindings}</binding><service name="VSOiService">{ports}</service></definitions>'
    )
