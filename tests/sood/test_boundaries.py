"""Exact boundaries of filters, splits and batches, and random numbers in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from astrodome import AstrodomeError, plugins
from astrodome_solar.channels import find_channel
from astrodome_sood.datasets import folder
from astrodome_sood.datasets.sdoml_v2 import selection
from astrodome_sood.evaluation import metrics
from astrodome_sood.models import batches, losses
from PIL import Image

START = np.datetime64("2013-01-01T00:00:00.000")
CHANNEL = find_channel("193A")

SOURCE_OF_FLUX = """
import numpy as np
from astrodome import SourceSpec, hookimpl

FLUX = [9e-6, 1e-5, np.nextafter(1e-5, 1), np.nan, 1e-6]

@hookimpl
def register_sources():
    yield SourceSpec("flux", "five_days", "flux_of_days:Flux", summary="A flux for each day.")

class Flux:
    def flux_at(self, times):
        return np.array(FLUX)[np.asarray(times, "datetime64[D]").astype(int) % 5]
"""


@pytest.fixture
def flux_of_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a source of flux with values at, above and below a limit, and an unknown one."""
    (tmp_path / "flux_of_days.py").write_text(SOURCE_OF_FLUX)
    monkeypatch.syspath_prepend(tmp_path)
    import flux_of_days

    with plugins.using(plugins.of("sdo", flux_of_days=flux_of_days)):
        yield


def selected(minutes: list[float], **wanted: object) -> list[int]:
    """Return the rows that pass the filters, for frames at these minutes after the start."""
    times = START + (np.array(minutes) * 60_000).astype("timedelta64[ms]")
    return selection.select(times, CHANNEL, selection.FrameFilter(**wanted)).tolist()  # type: ignore[arg-type]


def test_a_frame_without_a_flux_does_not_pass_an_irradiance_limit(flux_of_days: None) -> None:
    days = np.arange(np.datetime64("1970-01-01"), np.datetime64("1970-01-11"))
    times = days.astype("datetime64[ms]")
    rows = selection.select(times, CHANNEL, selection.FrameFilter(irradiance=1e-5))
    assert rows.tolist() == [0, 1, 4, 5, 6, 9]  # the limit itself passes, NaN does not
    with pytest.raises(
        AstrodomeError, match=r"pass the filter 'flux up to 1e-05.*applied to 1 frames"
    ):
        selection.select(times[3:4], CHANNEL, selection.FrameFilter(irradiance=1e-5))


@pytest.mark.parametrize(
    ("minutes", "rows"),
    [
        ([0, 9, 11], [0, 1]),  # 11 is nearest to 20, but further than half of the step
        ([0, 14.9, 15], [0, 1, 2]),  # exactly half of the step from 20
        ([0, 14.9, 14.99], [0, 1]),
        ([0, 5, 15], [0, 1, 2]),  # half of the step from 10 on both sides; 20 takes the later one
        ([4, 8, 26], [0, 1, 2]),  # without a start, the raster begins at the step below
    ],
)
def test_a_time_step_selects_the_nearest_frame_within_half_a_step(
    minutes: list[float], rows: list[int]
) -> None:
    assert selected(minutes, freq="10min") == rows


def test_time_steps_begin_at_the_given_start() -> None:
    start = START + np.timedelta64(3, "m")
    assert selected([0, 3, 10, 13, 20, 23], freq="10min", start=start) == [1, 3, 5]


def test_start_and_end_are_included() -> None:
    at = {minutes: START + np.timedelta64(minutes, "m") for minutes in (6, 12)}
    assert selected([0, 6, 12, 18], start=at[6], end=at[12]) == [1, 2]
    one = np.timedelta64(1, "ms")
    assert selected([0, 6, 12, 18], start=at[6] + one, end=at[12] + one) == [2]
    with pytest.raises(AstrodomeError, match="No frames of"):
        selected([0, 6, 12, 18], start=at[6] + one, end=at[12] - one)


def test_a_date_as_end_includes_its_last_millisecond() -> None:
    end = selection.parse_time("2013-01-01", end=True)
    assert end == np.datetime64("2013-01-01T23:59:59.999")
    assert selected([0, 1439.99, 1440], end=end) == [0, 1]
    assert selection.parse_time("2013-01-01T00:00", end=True) == START


def test_a_bad_interval_includes_both_ends(tmp_path: Path) -> None:
    more = tmp_path / "bad.yaml"
    more.write_text("193A:\n  - [2013-01-01T00:06, 2013-01-01T00:12]\n")
    assert selected([5.99, 6, 9, 12, 12.01], bad_frames=more) == [0, 4]


def test_an_observation_time_without_a_fraction_means_its_whole_second() -> None:
    times = np.array([0, 0.5, 0.999, 1.0]) / 60
    assert selected(list(times), obs_times=("2013-01-01T00:00:00",)) == [0, 1, 2]
    assert selected(list(times), obs_times=("2013-01-01T00:00:00.500",)) == [1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1.5min", 90), ("2t", 120), ("1h", 3600), ("1D", 86_400), ("2w", 1_209_600)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert selection.parse_duration(text, "freq") == np.timedelta64(seconds, "s")


@pytest.mark.parametrize("text", ["0min", "min", "-1h", "1", "1 year"])
def test_an_invalid_duration_is_an_error(text: str) -> None:
    with pytest.raises(AstrodomeError, match="Invalid freq "):
        selection.parse_duration(text, "freq")


def single_squares(hidden: torch.Tensor, x: torch.Tensor) -> np.ndarray:
    """Return the edges (top, left, bottom, right) of squares in images with exactly one."""
    boxes = []
    for changed, original in zip(hidden, x, strict=True):
        rows, columns = torch.nonzero((changed != original)[0], as_tuple=True)
        if len(rows) and len(torch.unique(changed[changed != original])) == 1:
            box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            assert len(rows) == (box[2] - box[0]) * (box[3] - box[1])  # filled
            boxes.append([int(edge) for edge in box])
    return np.array(boxes)


def test_masked_squares_have_all_sides_from_one_to_half_of_the_image() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(3000, 1, 12, 20, generator=random, dtype=torch.float64)
    hidden = losses.mask_squares(x, random)
    top, left, bottom, right = single_squares(hidden, x).T
    assert (bottom - top == right - left).all()
    sides = np.bincount(bottom - top)
    assert len(sides) == 7 and (sides[1:] > 50).all()  # 1 to 6, and none of 7
    assert (top.min(), left.min(), bottom.max(), right.max()) == (0, 0, 12, 20)
    smallest = bottom - top == 1
    assert set(top[smallest]) == set(range(12)) and set(left[smallest]) == set(range(20))


def test_masked_squares_are_filled_with_values_of_the_whole_range_of_their_image() -> None:
    random = torch.Generator().manual_seed(1)
    x = torch.rand(2000, 1, 12, 12, generator=random, dtype=torch.float64)
    x = x * torch.linspace(0.1, 5, len(x))[:, None, None, None] - 2
    hidden = losses.mask_squares(x, random)
    shares = []
    for changed, original in zip(hidden, x, strict=True):
        low, high = original.min(), original.max()
        shares += ((torch.unique(changed[changed != original]) - low) / (high - low)).tolist()
    assert 0 <= min(shares) < 0.01 and 0.99 < max(shares) <= 1
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_zero_to_three_squares_are_masked_equally_often() -> None:
    random = torch.Generator().manual_seed(2)
    x = torch.rand(1500, 1, 64, 64, generator=random, dtype=torch.float64)
    hidden = losses.mask_squares(x, random)
    found = [len(torch.unique(h[h != o])) for h, o in zip(hidden, x, strict=True)]
    shares = np.bincount(found) / len(x)
    # A side of 0 (1 of 33) hides nothing, and a later square can cover an earlier one.
    assert shares == pytest.approx([0.258, 0.264, 0.27, 0.208], abs=0.05)
    assert shares.sum() == pytest.approx(1)


def test_a_tie_counts_half_in_the_area_under_the_curve() -> None:
    inside, outside = np.array([0.0, 2, 1]), np.array([1.0, 2, 0])  # by rising score
    pairs = [(2, 1, 1.0), (2, 2, 0.5), (1, 3, 1.0)]  # each of inside: below, and ties
    expected = sum(count * below * share for count, below, share in pairs) / (3 * 3)
    assert metrics.auroc_of_counts(inside, outside) == pytest.approx(expected)
    assert metrics.auroc_of_counts(np.ones(1), np.ones(1)) == 0.5
    assert np.isnan(metrics.auroc_of_counts(np.zeros(2), np.ones(2)))
    assert np.isnan(metrics.precision_of_counts(np.ones(2), np.zeros(2)))
    # The highest bin first: 1 of 1, then 3 of 5.
    assert metrics.precision_of_counts(inside, outside) == pytest.approx((1 + 2 * 3 / 5) / 3)


@pytest.fixture
def observations(sun: Image.Image, tmp_path: Path) -> Callable[[int, int], folder.FolderImages]:
    """Return a function that reads N patches of each of N observations."""

    def read(count: int, patches: int) -> folder.FolderImages:
        place = tmp_path / f"{count}x{patches}"
        place.mkdir()
        for minute in range(count):
            for number in range(patches):
                name = f"2013-06-24T17{minute:02}00__193__{number}.png"
                sun.crop((0, 0, 8, 8)).save(place / name)
        return folder.FolderImages(place, 8)

    return read


def shared(images: folder.FolderImages, share: float = 0.5) -> tuple[int, int, int]:
    """Return the sizes of both parts of a split, and the number of observations in both."""
    train, held = images.split(share, seed=0)
    times = [{path.name[:17] for path in part.paths} for part in (train, held)]
    return len(train), len(held), len(times[0] & times[1])


def test_observations_stay_together_if_there_are_at_least_ten(
    observations: Callable[[int, int], folder.FolderImages],
) -> None:
    assert shared(observations(10, 4))[2] == 0
    assert shared(observations(9, 4))[2] > 0


@pytest.mark.parametrize(
    ("share", "held"), [(0.01, 1), (0.24, 1), (0.26, 1), (0.4, 2), (0.75, 3), (0.99, 3)]
)
def test_both_parts_of_a_split_have_an_image(
    observations: Callable[[int, int], folder.FolderImages], share: float, held: int
) -> None:
    assert shared(observations(4, 1), share)[:2] == (4 - held, held)


def test_one_image_is_not_split(
    observations: Callable[[int, int], folder.FolderImages],
) -> None:
    assert shared(observations(2, 1))[:2] == (1, 1)
    with pytest.raises(AstrodomeError, match="at least two images"):
        observations(1, 1).split(0.5, seed=0)


def test_the_last_batch_is_smaller_and_processes_wrap_around(
    observations: Callable[[int, int], folder.FolderImages],
) -> None:
    images = observations(10, 1)
    assert list(batches.BatchSampler(images, 4, None)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    first, second = (batches.BatchSampler(images, 4, None, rank, 2) for rank in (0, 1))
    assert list(first) == [[0, 1, 2, 3], [8, 9]] and len(first) == 2
    assert list(second) == [[4, 5, 6, 7], [0, 1, 2, 3]] and len(second) == 2
    assert [len(batches.BatchSampler(images, size, None)) for size in (5, 9, 10, 11)] == [
        2,
        2,
        1,
        1,
    ]


def test_random_numbers_differ_by_seed_epoch_and_process() -> None:
    states = {
        torch.rand(1, generator=batches.seeded_generator(seed, epoch, rank)).item()
        for seed in (0, 1, 256, 2**40)  # torch uses 32 bits of a seed
        for epoch in (-1, 0, 1)
        for rank in (0, 1, 64)
    }
    assert len(states) == 36
