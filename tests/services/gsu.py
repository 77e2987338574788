"""A fake server for the image service of GSU: JPEGs, headers, image parameters and heat maps.

Each time and wavelength has a different image, which is derived from a real one, with a header
and parameters, so that tests can compare downloaded data with the expected data. In addition to
the faults of :mod:`.fake_server`, the server can send the damaged responses in :data:`DAMAGED`.
"""

from __future__ import annotations

import io
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from .fake_server import PAGE, FakeServer, Request, Response

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
SIDES = {"2k": 2048, "512": 512, "256": 256}
FIRST = datetime(2011, 1, 1)
CADENCE = timedelta(minutes=6)
STATUSES = ("500", "502", "503", "429", "429 after 0", "429 after 1", "404")
CONNECTION = ("reset", "never", "drip", "cut", "html", "loop")
DAMAGED = ("truncated", "longer", "short length", "small", "garbage", "empty", "noise")
"""Kinds of damaged responses: a truncated image, a Content-Length that is too large or too small,
an image of the wrong size, an invalid JSON document, an empty response, and random bytes."""


class Archive:
    """The content of the service, derived from ``sun``, an image of the Sun.

    ``missing`` contains the (time, wavelength) without an image, ``poor`` those with a quality
    other than 0. ``plan(request)`` returns the fault for a request, or ``""``. ``latency`` is
    the duration of each response in seconds.
    """

    def __init__(self, sun: Image.Image, *, latency: float = 0.0) -> None:
        self.sun = sun.convert("L").resize((512, 512))
        self.missing: set[tuple[datetime, int]] = set()
        self.poor: dict[tuple[datetime, int], int] = {}
        self.plan: Callable[[Request], str] = lambda request: ""
        self.latency = latency
        self.asked: Counter[str] = Counter()
        self.image = lru_cache(512)(self._image)
        self._lock = threading.Lock()

    def server(self) -> FakeGsu:
        return FakeGsu(self)

    def respond(self, request: Request) -> Response:
        kind, when, wave, rest = self._parse(request)
        with self._lock:
            self.asked[kind] += 1
        if when is None:
            return Response(PAGE, 404, "text/html")
        if not (when >= FIRST and wave in WAVELENGTHS) or (when, wave) in self.missing:
            return Response(b"", 404)
        if kind == "image":
            return Response(self.image(when, wave, SIDES[rest]), 200, "image/jpeg")
        if kind == "header":
            found = self.header(when, wave)
            if rest == "xml":
                cells = "".join(f"<{key}>{value}</{key}>" for key, value in found.items())
                return Response(f"<header>{cells}</header>".encode(), 200, "text/xml")
            return Response(json.dumps(found).encode())
        cube = self.cube(when, wave)
        if kind == "heat":
            number = int(request.query["param"][0]) - 1
            return Response(heat_map(cube[..., number], SIDES[rest]), 200, "image/jpeg")
        return Response(cube_xml(cube), 200, "text/xml")

    def _parse(self, request: Request) -> tuple[str, datetime | None, int, str]:
        parts = [part for part in request.path.split("/") if part]
        kind, rest = "other", ""
        match parts:
            case ["dmlabapi", "images", "SDO", "AIA", ("2k" | "512" | "256") as rest]:
                kind = "image"
            case ["dmlabapi", "images", "SDO", "AIA", "param", "64", rest] if rest in SIDES:
                kind = "heat"
            case ["dmlabapi", "header", "SDO", "AIA", ("json" | "xml") as rest]:
                kind = "header"
            case ["dmlabapi", "params", "SDO", "AIA", "64", "full"]:
                kind = "parameters"
        try:
            when = datetime.strptime(request.query["starttime"][0], "%Y-%m-%dT%H:%M:%S")
            wave = int(request.query["wave"][0])
        except (KeyError, ValueError):
            return kind, None, 0, rest
        # The service returns the last observation at or before the time, within ten minutes.
        when = FIRST + (when - FIRST) // CADENCE * CADENCE
        return kind, when if kind != "other" else None, wave, rest

    def _image(self, when: datetime, wave: int, side: int) -> bytes:
        """Return the JPEG of an observation, with its own shift and brightness."""
        number = (when - FIRST) // CADENCE
        shifted = ImageChops.offset(self.sun, number % 509, (number // 509 + wave) % 503)
        buffer = io.BytesIO()
        shifted.resize((side, side), Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=80)
        return buffer.getvalue()

    def header(self, when: datetime, wave: int) -> dict[str, Any]:
        year = (when - datetime(when.year, 1, 1)) / timedelta(days=365.25)
        distance = 149597870700 * (1 - 0.0167 * math.cos(2 * math.pi * (year - 0.01)))
        return {
            "X0": 2048 + when.minute % 7,
            "Y0": 2047 - when.hour % 5,
            "DSUN": round(distance, 2),
            "R_SUN": round(math.degrees(math.asin(6.957e8 / distance)) * 3600 / 0.6, 4),
            "CDELT": 0.599489 + wave * 1e-8,
            "QUALITY": self.poor.get((when, wave), 0),
        }

    def cube(self, when: datetime, wave: int) -> np.ndarray:
        return parameters(self.image(when, wave, 512))


class FakeGsu(FakeServer):
    """The server, with the faults in the plan of the archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        super().__init__(self.timely)

    @property
    def root(self) -> str:
        return f"{self.url}/dmlabapi"

    def timely(self, request: Request) -> Response:
        """Return the response after the latency of the archive."""
        due = time.monotonic() + self.archive.latency
        response = self.archive.respond(request)
        self.stopping.wait(max(0.0, due - time.monotonic()))
        return response

    def fault(self, request: Request) -> str:
        fault = super().fault(request)
        return fault or self.archive.plan(request)

    def damage(self, response: Response, fault: str) -> Response:
        return damaged(response, fault) if fault in DAMAGED and response.status == 200 else response


def damaged(response: Response, fault: str) -> Response:
    """Return the response with one of the faults in :data:`DAMAGED`."""
    body = response.body
    if fault == "truncated":
        return Response(body[: len(body) * 2 // 3], 200, response.content_type)
    if fault == "longer":
        return Response(body, 200, response.content_type, {"Content-Length": str(len(body) + 999)})
    if fault == "short length":
        return Response(body, 200, response.content_type, {"Content-Length": str(len(body) - 99)})
    if fault == "small" and response.content_type == "image/jpeg":
        buffer = io.BytesIO()
        Image.open(io.BytesIO(body)).resize((100, 100)).save(buffer, "JPEG")
        return Response(buffer.getvalue(), 200, response.content_type)
    if fault == "noise":
        noise = np.random.default_rng(len(body)).bytes(len(body))
        return Response(noise, 200, response.content_type)
    if fault == "empty":
        return Response(b"", 200, response.content_type)
    return Response(b'{"QUALITY": 0, "X0": "left", ', 200, response.content_type)


def parameters(jpeg: bytes, side: int = 64) -> np.ndarray:
    """Return ten parameters for each cell (x, y) of an image, shape (side, side, 10)."""
    image = np.asarray(Image.open(io.BytesIO(jpeg)), np.float64)
    step = image.shape[0] // side
    cells = image.reshape(side, step, side, step).transpose(2, 0, 1, 3).reshape(side, side, -1)
    mean, deviation = cells.mean(-1), cells.std(-1)
    scaled = (cells - mean[..., None]) / np.maximum(deviation, 1e-9)[..., None]
    levels = (cells // 32).astype(int)
    shares = np.stack([(levels == level).mean(-1) for level in range(8)], -1)
    entropy = -np.sum(shares * np.log2(np.where(shares > 0, shares, 1)), -1)
    skewness, kurtosis = (scaled**3).mean(-1), (scaled**4).mean(-1)
    blocks = cells.reshape(side, side, step, step)
    down, right = np.abs(np.diff(blocks, axis=2)), np.abs(np.diff(blocks, axis=3))
    rough = np.log2(1 + down.mean((2, 3)) + right.mean((2, 3)))
    contrast = deviation / np.maximum(kurtosis, 1e-9) ** 0.25
    direction = down.sum((2, 3)) / np.maximum(down.sum((2, 3)) + right.sum((2, 3)), 1e-9)
    smooth = 1 - 1 / (1 + deviation**2)
    ten = (entropy, mean, deviation, 2 + rough / 8, skewness, kurtosis, (shares**2).sum(-1))
    return np.stack([*ten, smooth, contrast, direction], -1).astype(np.float32)


def cube_xml(cube: np.ndarray) -> bytes:
    """Return a cube as XML: one element per cell with x, y and the ten values."""
    lines = ["<params>"]
    for x, y in np.ndindex(cube.shape[:2]):
        values = "".join(f"<v{n}>{float(v)!r}</v{n}>" for n, v in enumerate(cube[x, y], 1))
        lines.append(f"<cell><x>{x}</x><y>{y}</y>{values}</cell>")
    return "\n".join([*lines, "</params>"]).encode()


def heat_map(plane: np.ndarray, side: int) -> bytes:
    """Return a color JPEG of one parameter."""
    low, high = float(plane.min()), float(plane.max())
    grey = (255 * (plane.T - low) / max(high - low, 1e-9)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).convert("RGB").resize((side, side)).save(buffer, "JPEG")
    return buffer.getvalue()


def times(start: datetime, count: int, step: timedelta = CADENCE) -> Sequence[datetime]:
    """Return ``count`` times with the cadence of the service."""
    return [start + number * step for number in range(count)]
