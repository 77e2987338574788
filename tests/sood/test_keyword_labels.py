"""Labels from FITS keywords, flares and events, for FITS files and for folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.evaluation.keyword_labels import QUALITY_BITS, KeywordLabels
from astropy.io import fits
from sunpy.data.test import get_test_filepath

PROBLEMS = {
    "instrument: eclipse": {"QUALITY": 1 << 13},
    "instrument: missing pixels": {"QUALITY": 1 << 8},
    "instrument: dark image": {"QUALITY": 1 << 16 | 1 << 8},
    "instrument: spikes": {"NSPIKES": 90_000},
    "instrument: saturation": {"NSATPIX": 400},
}
"""Header keywords of frames with a problem, keyed by the expected kind."""
SOURCES = """
import numpy as np
from astrodome import SourceSpec, hookimpl

@hookimpl
def register_sources():
    yield SourceSpec("flux", "made", "activity:Flux", summary="A flare at 04:00.")
    yield SourceSpec("events", "made", "activity:Events", summary="An ejection at 05:00.")

class Flux:
    def flux_at(self, times):
        hours = np.asarray(times, "datetime64[h]").astype(int) % 24
        return np.where(hours == 4, 2e-5, 1e-6)

class Events:
    def search(self, start, end, event_types=()):
        assert "AR" not in event_types
        return [{"event_type": "CE"}] if start.hour == 5 else []
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store from ten normal frames and the frames with problems, one frame per hour."""
    folder = tmp_path_factory.mktemp("fits")
    with fits.open(get_test_filepath("aia_171_level1.fits")) as content:
        hdu = next(hdu for hdu in content if hdu.data is not None)
        counts, header = np.asarray(hdu.data, np.float32), hdu.header.copy()
    normal = [{} for _ in range(10)]
    for hour, changes in enumerate([*normal, *PROBLEMS.values()]):
        kept = header.copy()
        kept["QUALITY"], kept["NSPIKES"], kept["NSATPIX"] = 0, 1000 + 20 * hour, 0
        kept["T_OBS"] = kept["DATE-OBS"] = f"2013-03-01T{hour:02d}:00:00.00"
        kept.update(changes)
        pixels = counts * (0.2 if changes else 1)
        kept.remove("BLANK", ignore_missing=True)
        image = fits.ImageHDU(pixels, kept)
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(folder / f"frame_{hour:02d}.fits")
    out = folder / "store.zarr"
    paths = sorted(folder.glob("*.fits"))
    args = ("dataset", "build", *map(str, paths), "--out", str(out))
    run("sdo", "sood", *args, plugin="astrodome_sood.plugin").succeeded()
    return out


def evaluate(store: Path, out: Path, *args: object, plugin: object) -> Result:
    """Evaluate the mean intensity with the labels of a store."""
    fixed = ("evaluate", "threshold", "--data-dir", store, "--against", "quality", "--out", out)
    fixed += ("--target-size", 32, "--bootstrap", 20, "--set", "data.dataset=SDOMLDatasetV2")
    fixed += ("--set", "model.options.score=mean")
    return run("sdo", "sood", *fixed, *args, plugin=plugin)  # type: ignore[arg-type]


def test_frames_are_labeled_with_the_keywords_of_their_fits_files(
    store: Path, tmp_path: Path
) -> None:
    result = evaluate(store, tmp_path, "--json", plugin="astrodome_sood.plugin").succeeded()
    assert result.json["about"]["kinds"] == dict.fromkeys(sorted(PROBLEMS), 1)
    rows = {row["kind"]: row for row in result.json["models"]}
    assert list(rows)[:2] == ["all", "instrument"] and "solar" not in rows
    runs = {row["kind"]: row for row in result.json["runs"]}
    assert (runs["instrument"]["images"], runs["instrument"]["anomalous"]) == (15, 5)
    assert rows["instrument"]["auroc"] == 0  # The frames with a problem are darker.
    assert "HEK events are not used" in result.err and "GOES flux is not used" in result.err


def test_solar_activity_is_reported_apart_from_the_instrument(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "activity.py").write_text(SOURCES)
    monkeypatch.syspath_prepend(tmp_path)
    plugins = ("astrodome_sood.plugin", "activity")
    args = ("--event-types", "AR,CE", "--json")
    result = evaluate(store, tmp_path / "out", *args, plugin=plugins).succeeded()
    kinds = result.json["about"]["kinds"]
    assert kinds["solar: event CE"] == kinds["solar: flare of at least M1.0"] == 1
    runs = {row["kind"]: row for row in result.json["runs"]}
    assert (runs["solar"]["images"], runs["solar"]["anomalous"]) == (10, 2)
    assert (runs["instrument"]["images"], runs["instrument"]["anomalous"]) == (13, 5)
    assert runs["all"]["images"] == 15


def folder_images(patches: Path, folder: Path, rows: list[str]) -> FolderImages:
    """Copy images to a folder with a metadata table."""
    names = [f"2013-03-01T{hour:02d}0000__193.jpeg" for hour in range(len(rows))]
    folder.mkdir()
    for name, path in zip(names, sorted(patches.iterdir()), strict=False):
        (folder / name).write_bytes(path.read_bytes())
    lines = [f"{name},{row}" for name, row in zip(names, rows, strict=True)]
    (folder / "meta.csv").write_text("\n".join(["FILE_NAME,QUALITY,WAVELNTH", *lines]) + "\n")
    return FolderImages(folder, 32)


def test_images_are_labeled_with_the_metadata_table(patches: Path, tmp_path: Path) -> None:
    """Bits that describe missing metadata are ignored, and unknown qualities are skipped."""
    rows = ["0,193", f"{1 << 20},193", "0,171", f"{1 << 30 | 1},193", ",193"]
    truth = KeywordLabels(folder_images(patches, tmp_path / "images", rows))
    assert truth.kinds == {0: "", 1: "instrument: focus", 2: "instrument: wavelength", 3: ""}
    assert truth.about()["left_out"] == 1
    assert [(image.index, image.label) for image in truth] == [(0, 0), (1, 1), (2, 1), (3, 0)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [(["0,193", "0,193"], "all 2 images .* are normal"), ([",193", ",193"], "QUALITY found")],
)
def test_unusable_labels_are_an_error(
    patches: Path, tmp_path: Path, rows: list[str], message: str
) -> None:
    images = folder_images(patches, tmp_path / "images", rows)
    with pytest.raises(AstrodomeError, match=message) as error:
        KeywordLabels(images)
    assert error.value.hint


def test_the_bits_have_the_same_meaning_as_in_aiapy() -> None:
    util = pytest.importorskip("aiapy.util.util")
    messages = {bit: util.check_quality_flag(1 << bit)[0].lower() for bit in QUALITY_BITS}
    words = {"missing pixels": "missvals", "no Sun in view": "sun presence"}
    words |= {"dark image": "dark", "image stabilization": "image stabilization"}
    for bit, name in QUALITY_BITS.items():
        assert words.get(name, name).lower() in messages[bit]
