"""Label images with FITS keywords that describe problems, and weakly with the solar activity.

The keywords QUALITY, NSPIKES, NSATPIX and WAVELNTH describe the state of the instrument. They are
read from the attributes of an SDO ML v2 store, or from the metadata table in the folder of the
image files. Flares and HEK events are weak labels: an image with an event can look normal. The
results for the instrument and for the Sun are therefore reported separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from astrodome import AstrodomeError, sources
from astrodome_solar.flare_classes import flux_of_class
from astrodome_solar.times import parse_time

from ..protocols import ImageSet
from .ground_truth import LabeledImage, labeled_image

QUALITY_BITS = {
    16: "dark image",
    13: "eclipse",
    14: "no Sun in view",
    15: "safe mode",
    12: "pointing",
    18: "calibration image",
    20: "focus",
    17: "image stabilization",
    21: "register",
    11: "missing pixels",
    10: "missing pixels",
    9: "missing pixels",
    8: "missing pixels",
}
"""Bits of QUALITY that describe a problem of the image (SDO User Guide, table 2 in section 7.7.6).

An image with several problems is assigned to the first one. Other bits are ignored, because they
describe missing metadata and quicklook images."""
COUNTS = {"NSPIKES": "spikes", "NSATPIX": "saturation"}
"""Keywords that contain a number of pixels, and the problem that a large number describes."""
MIN_DEVIATION = 5.0
"""Minimum deviation of a number of pixels from the median, in robust standard deviations."""
MIN_RATIO = 2.0
"""Minimum ratio of a number of pixels to the median."""
INSTRUMENT, SOLAR = "instrument: ", "solar: "
"""Prefixes of the kinds of anomalies."""
UNUSED_EVENTS = ("AR",)
"""HEK event types that are not anomalies: most images contain active regions."""


class KeywordLabels:
    """Ground truth in which images with a known problem or with solar activity are anomalous.

    ``types`` are HEK event types. Images are normal if QUALITY describes no problem and no solar
    activity is known. Images are skipped if QUALITY is unknown and no problem was found. If the
    flux or the events are not available, a warning is returned.

    Examples
    --------
    >>> from astrodome_sood import evaluate, open_images
    >>> images = open_images("patches", target_size=32)
    >>> KeywordLabels(images, "M1.0", ["FL"])
    Traceback (most recent call last):
    astrodome.errors.AstrodomeError: No image with the keyword QUALITY found.
    """

    def __init__(
        self,
        images: ImageSet,
        goes_class: str = "M1.0",
        types: Sequence[str] = (),
        flux_source: str = "",
        events_source: str = "",
    ) -> None:
        self._images, self._warnings = images, list[str]()
        found = [_keywords(images, index) for index in range(len(images))]
        problems = _problems(images, found)
        known = [any(_quality(each) is not None for each in own) for own in found]
        if not any(known):
            raise AstrodomeError(
                "No image with the keyword QUALITY found.",
                "Build a store from FITS files with 'sdo sood dataset build', or use a folder "
                "whose meta.csv contains the column QUALITY.",
            )
        activity = self._activity(goes_class, types, flux_source, events_source)
        self.kinds: dict[int, str] = {}
        for index in range(len(images)):
            if problems[index]:
                self.kinds[index] = INSTRUMENT + problems[index]
            elif known[index]:
                self.kinds[index] = SOLAR + activity[index] if activity.get(index) else ""
        if len({bool(kind) for kind in self.kinds.values()}) < 2:
            only = "anomalous" if any(self.kinds.values()) else "normal"
            raise AstrodomeError(
                f"The evaluation requires anomalous and normal images, but all {len(self.kinds)} "
                f"images with the keyword QUALITY are {only}.",
                "Add images. 'sdo data download' keeps images with problems if no --quality is "
                "specified.",
            )

    def __len__(self) -> int:
        return len(self.kinds)

    def __iter__(self) -> Iterator[LabeledImage]:
        for index, kind in self.kinds.items():
            yield labeled_image(self._images, index, kind, label=int(bool(kind)))

    def about(self) -> dict[str, Any]:
        """Return a description of the ground truth for the evaluation results."""
        kinds = [kind for kind in self.kinds.values() if kind]
        return {
            "reference": "quality",
            "kinds": {kind: kinds.count(kind) for kind in dict.fromkeys(sorted(kinds))},
            "left_out": len(self._images) - len(self.kinds),
        }

    def warnings(self) -> list[str]:
        """Return warnings about the ground truth."""
        return self._warnings

    def _activity(
        self, goes_class: str, types: Sequence[str], flux_source: str, events_source: str
    ) -> dict[int, str]:
        """Return the solar activity at the time of each image, keyed by the index of the image."""
        all_times = {n: self._images.describe(n).get("t_obs") for n in range(len(self._images))}
        times = {index: str(time).removesuffix("Z") for index, time in all_times.items() if time}
        found: dict[int, str] = {}
        if not times:
            return found
        try:
            catalogue = sources.get("events", events_source)
            wanted = [each for each in types if each not in UNUSED_EVENTS]
            for index, time in times.items() if wanted else ():
                moment = parse_time(time)
                if events := catalogue.search(moment, moment, wanted):
                    found[index] = f"event {events[0]['event_type']}"
        except AstrodomeError as error:
            self._warnings.append(f"HEK events are not used: {error.message}")
        try:
            limit = flux_of_class(goes_class)
            moments = np.array([*times.values()], "datetime64[us]")
            flux = sources.get("flux", flux_source).flux_at(moments)
            for index, value in zip(times, flux.tolist(), strict=True):
                if value >= limit:
                    found[index] = f"flare of at least {goes_class}"
        except AstrodomeError as error:
            self._warnings.append(f"The GOES flux is not used: {error.message}")
        return found


def _keywords(images: ImageSet, index: int) -> list[Mapping[str, Any]]:
    """Return the keywords of each channel of an image, or an empty list."""
    read = getattr(images, "keywords", None)
    return list(read(index)) if read else []


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _quality(keywords: Mapping[str, Any]) -> int | None:
    value = _number(keywords.get("QUALITY"))
    return int(value) if np.isfinite(value) else None


def _problems(images: ImageSet, found: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return the problem that the keywords of each image describe, or an empty string."""
    large = {key: _outliers(found, key) for key in COUNTS}
    problems = []
    for index, own in enumerate(found):
        bits = 0
        for each in own:
            bits |= _quality(each) or 0
        names = [name for bit, name in QUALITY_BITS.items() if bits >> bit & 1]
        expected = images.describe(index).get("wavelength")
        waves = {_number(each.get("WAVELNTH")) for each in own[:1]}
        if expected is not None and any(np.isfinite(w) and w != expected for w in waves):
            names.append("wavelength")
        names += [COUNTS[key] for key in COUNTS if large[key][index]]
        problems.append(names[0] if names else "")
    return problems


def _outliers(found: Sequence[Sequence[Mapping[str, Any]]], key: str) -> list[bool]:
    """Return whether the largest value of each image is much larger than the median."""
    values = [max((_number(each.get(key)) for each in own), default=np.nan) for own in found]
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return [False] * len(values)
    median = float(np.median(known))
    sigma = 1.4826 * float(np.median(np.abs(np.array(known) - median)))
    limit = max(median + MIN_DEVIATION * sigma, MIN_RATIO * median)
    return [value > limit for value in values]
