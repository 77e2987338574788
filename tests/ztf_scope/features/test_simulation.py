"""Simulated light curves: layout, independence, cadence, errors and the light curves of classes."""

from __future__ import annotations

import astrodome_ztf_scope as scope
import numpy as np
import pandas as pd
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features.simulation import CLASSES, cadence, eclipsing, irregular
from astrodome_ztf_scope.features.simulation.signals import damped_random_walk

PERIODS = {
    "rrab": (0.35, 1.1),
    "rrc": (0.15, 0.5),
    "rrd": (0.15, 0.5),
    "ceph": (1, 100),
    "dscu": (0.02, 0.3),
    "mir": (80, 2000),
    "ea": (0.4, 60),
    "eb": (0.3, 60),
    "ew": (0.15, 1.5),
    "rscvn": (0.1, 100),
}
"""Ranges of the periods of the simulated classes, in days."""


@pytest.fixture(scope="module")
def survey() -> scope.Simulation:
    """A few sources of each class in all filters."""
    return scope.simulate_light_curves(5 * len(CLASSES), seed=11)


@pytest.fixture(scope="module")
def dense() -> scope.Simulation:
    """Bright sources of each class with many epochs, and without bad epochs."""
    return scope.simulate_light_curves(
        4 * len(CLASSES), seed=3, points=700, bands="gr", magnitude=(14, 15), bad_epochs=False
    )


def test_the_tables_have_one_row_per_epoch_and_per_light_curve(survey: scope.Simulation) -> None:
    epochs, truth = survey.epochs, survey.truth
    columns = ["_id", "filter", "ra", "dec", "hjd", "mag", "magerr", "catflags"]
    assert list(epochs) == columns and not epochs.isna().any(axis=None)
    assert epochs["_id"].dtype == epochs["catflags"].dtype == epochs["filter"].dtype == np.int64
    assert truth["_id"].is_unique and truth["_id"].max() < 2**53
    assert (truth.groupby("obj_id")["filter"].apply(sorted).map(tuple) == (1, 2, 3)).all()
    counts = epochs.groupby("_id").size()
    assert (counts.reindex(truth["_id"]).fillna(0).to_numpy() == truth["points"]).all()
    assert epochs["_id"].diff().ne(0).sum() == len(counts)
    assert epochs.groupby("_id")["hjd"].apply(lambda t: t.is_monotonic_increasing).all()
    assert epochs["hjd"].between(2_458_200, 2_460_000.9).all()
    positions = epochs.groupby("_id")[["ra", "dec"]].nunique()
    assert (positions == 1).all(axis=None)


def test_the_positions_of_a_source_differ_by_less_than_an_arcsecond(
    survey: scope.Simulation,
) -> None:
    for _, rows in survey.truth.groupby("obj_id"):
        ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
        offset = (ra - ra[0] + 180) % 360 - 180
        assert np.hypot(offset * np.cos(np.radians(dec)), dec - dec[0]).max() < 1 / 3600


@pytest.mark.parametrize("index", [0, 7, 12])
def test_a_source_depends_only_on_the_seed_and_its_index(index: int) -> None:
    options = {"seed": 5, "points": (50, 200)}
    many = scope.simulate_light_curves(13, **options)
    alone = scope.simulate_light_curves(1, first=index, **options)
    mine = many.truth["obj_id"] == alone.truth["obj_id"].iloc[0]
    pd.testing.assert_frame_equal(many.truth[mine].reset_index(drop=True), alone.truth)
    rows = many.epochs["_id"].isin(alone.truth["_id"])
    pd.testing.assert_frame_equal(many.epochs[rows].reset_index(drop=True), alone.epochs)
    other = scope.simulate_light_curves(1, first=index, **{**options, "seed": 6})
    assert not set(other.truth["_id"]) & set(alone.truth["_id"])
    assert other.epochs["mag"].iloc[0] != alone.epochs["mag"].iloc[0]


@pytest.mark.parametrize("points", [20, 100, 1500])
def test_the_number_of_epochs_can_be_chosen(points: int) -> None:
    found = scope.simulate_light_curves(
        6, classes=["nonvar", "rrab"], points=points, bands="r", magnitude=(14, 18)
    )
    assert (found.truth["points"] == points).all()
    drawn = scope.simulate_light_curves(40, classes=["nonvar"], points=(20, 300), bands="r")
    assert drawn.truth["points"].between(20, 300).all() and drawn.truth["points"].nunique() > 20


def test_faint_sources_lose_epochs() -> None:
    options = {"classes": ["nonvar"], "points": 200, "bands": "r", "bad_epochs": False}
    faint = scope.simulate_light_curves(10, magnitude=(21, 21.2), **options)
    assert faint.truth["points"].between(5, 150).all()
    assert faint.epochs["mag"].max() < 22.5


def test_errors_depend_on_the_magnitude_as_in_ztf() -> None:
    for magnitude, expected in ((15.0, 0.0102), (18.0, 0.02), (20.0, 0.1)):
        found = scope.simulate_light_curves(
            30,
            classes=["nonvar"],
            points=150,
            bands="r",
            magnitude=(magnitude, magnitude),
            bad_epochs=False,
        )
        epochs = found.epochs
        assert np.median(epochs["magerr"]) == pytest.approx(expected, rel=0.1)
        pull = (epochs["mag"] - magnitude) / epochs["magerr"]
        assert np.median(np.abs(pull)) * 1.4826 == pytest.approx(1, abs=0.05)
        spread = epochs["magerr"].std() / epochs["magerr"].mean()
        assert spread > 0.02  # The depth differs from night to night.


def test_some_epochs_are_bad_with_and_without_flags(survey: scope.Simulation) -> None:
    constant = survey.truth.loc[survey.truth["class"] == "nonvar", "_id"]
    found = scope.simulate_light_curves(60, classes=["nonvar"], points=500, bands="r")
    epochs = found.epochs
    assert (epochs["catflags"] == 32768).mean() == pytest.approx(0.03, abs=0.005)
    median = epochs.groupby("_id")["mag"].transform("median")
    wrong = (epochs["mag"] - median).abs() > 0.3
    flagged = epochs["catflags"] == 32768
    assert 0.3 < wrong[flagged].mean() < 0.7
    outliers = wrong & (epochs["catflags"] == 0) & (epochs["magerr"] < 0.04)
    assert 0.001 < outliers.mean() < 0.006
    assert len(constant) and set(epochs["catflags"]) <= {0, 1, 2, 4, 32768}
    good = scope.simulate_light_curves(2, points=100, bands="r", bad_epochs=False)
    assert (good.epochs["catflags"] == 0).all()


def test_the_cadence_has_seasons_repeated_visits_and_nights_of_continuous_observation() -> None:
    found = scope.simulate_light_curves(120, classes=["nonvar"], points=450, bands="r", seed=2)
    repeated, steps, continuous = [], [], 0
    for _, curve in found.epochs.groupby("_id"):
        time = curve["hjd"].to_numpy()
        night = np.round(time - cadence.MIDNIGHT).astype(int)
        offset = time - cadence.MIDNIGHT - night
        assert np.abs(offset).max() < 0.3  # Observations are at night.
        gaps = np.diff(np.unique(night))
        seasonal = gaps[gaps > 80]
        assert 4 <= len(seasonal) <= 6 and seasonal.max() < 200
        steps.append(np.median(gaps))
        _, counts = np.unique(night, return_counts=True)
        continuous += counts.max() > 15
        repeated.append((counts > 1).mean())
    assert 1 <= np.median(steps) <= 3
    assert 0.1 < np.mean(repeated) < 0.5
    assert 8 <= continuous <= 35


def test_seasons_follow_the_right_ascension() -> None:
    found = scope.simulate_light_curves(150, classes=["nonvar"], points=200, bands="r", seed=4)
    for _, curve in found.epochs.groupby("_id"):
        day = curve["hjd"].to_numpy() - 2_451_545.0
        sun = np.radians(280.46 + 0.9856474 * day)  # mean longitude
        sun_ra = np.degrees(np.arctan2(np.cos(np.radians(23.44)) * np.sin(sun), np.cos(sun)))
        distance = np.abs((curve["ra"].iloc[0] - sun_ra + 180) % 360 - 180)
        assert distance.min() > 55


def test_fewer_g_images_are_taken_at_full_moon() -> None:
    found = scope.simulate_light_curves(80, classes=["nonvar"], points=300, bands="gr", seed=9)
    phase = ((found.epochs["hjd"] - cadence.NEW_MOON) / cadence.SYNODIC_MONTH) % 1
    full = (phase - 0.5).abs() < 0.1
    share = full.groupby(found.epochs["filter"]).mean()
    assert share[1] < 0.7 * share[2] < 0.25


def test_periods_are_in_the_range_of_the_class(survey: scope.Simulation) -> None:
    truth = scope.simulate_light_curves(20 * len(CLASSES), points=20, bands="r").truth
    for name, rows in truth.groupby("class"):
        if name in PERIODS:
            assert rows["period"].between(*PERIODS[name]).all(), name
        else:
            assert rows["period"].isna().all(), name
    assert set(truth["class"]) == set(CLASSES)


def test_light_curves_repeat_with_the_true_period(dense: scope.Simulation) -> None:
    for row in dense.truth.to_dict("records"):
        if row["class"] not in set(PERIODS) - {"rrd", "dscu", "mir", "rscvn"}:
            continue
        curve = dense.epochs[dense.epochs["_id"] == row["_id"]]
        assert _scatter(curve, row["period"]) < 0.35 * _scatter(curve, row["period"] * 1.013), row


def _scatter(curve: pd.DataFrame, period: float) -> float:
    """Return the mean square of the differences between neighbours in phase."""
    order = np.argsort((curve["hjd"] / period % 1).to_numpy())
    return float(np.mean(np.diff(curve["mag"].to_numpy()[order]) ** 2))


def test_amplitudes_decrease_with_wavelength(dense: scope.Simulation) -> None:
    by_filter = dense.truth.pivot(index="obj_id", columns="filter", values="amplitude")
    classes = dense.truth.drop_duplicates("obj_id").set_index("obj_id")["class"]
    ratio = by_filter[2] / by_filter[1]
    for name, expected in (("rrab", 0.71), ("rrc", 0.71), ("ceph", 0.68), ("dscu", 0.72)):
        assert ratio[classes == name].to_numpy() == pytest.approx(expected, abs=0.06)


def test_the_phi31_of_rr_lyrae_stars_is_that_of_their_metallicity() -> None:
    """Jurcsik and Kovács (1996): [Fe/H] = -5.038 - 5.394 P + 1.345 phi31 (sine series)."""
    found = scope.simulate_light_curves(
        8, classes=["rrab"], points=1000, bands="g", magnitude=(14, 14), bad_epochs=False
    )
    for row in found.truth.to_dict("records"):
        curve = found.epochs[found.epochs["_id"] == row["_id"]]
        angle = 2 * np.pi * curve["hjd"].to_numpy() / row["period"]
        orders = range(1, 8)
        columns = [np.ones_like(angle)]
        for k in orders:
            columns += [np.sin(k * angle), np.cos(k * angle)]
        solution = np.linalg.lstsq(np.transpose(columns), curve["mag"].to_numpy(), rcond=None)[0]
        phi = np.arctan2(solution[2::2], solution[1::2])
        phi31 = (phi[2] - 3 * phi[0]) % (2 * np.pi)
        metallicity = -5.038 - 5.394 * row["period"] + 1.345 * phi31
        assert -2.35 < metallicity < 0.0
        ratio = np.hypot(solution[3], solution[4]) / np.hypot(solution[1], solution[2])
        assert 0.35 < ratio < 0.6


def test_eclipse_depths_are_unequal_and_visible(dense: scope.Simulation) -> None:
    rows = dense.truth[dense.truth["class"].isin(["ea", "eb"])]
    assert len(rows) == 16 and (rows["depth_1"] > rows["depth_2"]).all()
    assert (rows["depth_1"] > 0.1).all()
    wide = rows[rows["class"] == "eb"]  # Some epochs are in the middle of a wide eclipse.
    assert wide["amplitude"].to_numpy() == pytest.approx(wide["depth_1"].to_numpy(), rel=0.05)
    assert dense.truth.loc[~dense.truth["class"].isin(["ea", "eb", "ew"]), "depth_1"].isna().all()


def test_the_overlap_of_two_discs_is_their_common_area() -> None:
    grid = np.linspace(-0.5, 1.0, 1501)
    x, y = np.meshgrid(grid, grid)
    for first, second, distance in ((0.3, 0.2, 0.4), (0.3, 0.2, 0.05), (0.25, 0.25, 0.2)):
        common = (x**2 + y**2 < first**2) & ((x - distance) ** 2 + y**2 < second**2)
        expected = common.sum() * (grid[1] - grid[0]) ** 2
        found = eclipsing.overlap(np.array([distance]), first, second)[0]
        assert found == pytest.approx(expected, rel=5e-3)
    assert eclipsing.overlap(np.array([0.6, 0.0]), 0.3, 0.2) == pytest.approx([0, np.pi * 0.04])


def test_a_central_eclipse_hides_the_area_of_the_smaller_star() -> None:
    orbit = eclipsing.Orbit(radii=(0.2, 0.1), brightness=0.5, inclination=np.pi / 2)
    flux = orbit.flux(np.array([0.0, 0.25, 0.5]), np.ones(3))
    total = 0.2**2 + 0.5 * 0.1**2
    assert flux == pytest.approx([1 - 0.1**2 / total, 1, 1 - 0.5 * 0.1**2 / total])


def test_the_eclipses_of_an_eccentric_orbit_are_where_kepler_puts_them() -> None:
    """The mean anomalies at both conjunctions follow from the true anomalies without iteration."""
    eccentricity, periastron = 0.25, 0.7
    orbit = eclipsing.Orbit((0.05, 0.05), 0.5, np.pi / 2, eccentricity, periastron)
    phase = np.arange(200_000) / 200_000
    flux = orbit.flux(phase, np.ones_like(phase))
    for true in (np.pi / 2 - periastron, 3 * np.pi / 2 - periastron):
        eccentric = 2 * np.arctan(
            np.sqrt((1 - eccentricity) / (1 + eccentricity)) * np.tan(true / 2)
        )
        mean = eccentric - eccentricity * np.sin(eccentric)
        expected = (mean - np.pi / 2 + periastron) / (2 * np.pi)
        near = np.abs((phase - expected + 0.5) % 1 - 0.5) < 0.01
        assert flux[near].min() == pytest.approx(flux[np.argmin(np.abs(phase - expected % 1))])
        assert flux[near].min() < 0.8


def test_a_flare_rises_to_its_peak_and_decays() -> None:
    profile = irregular.flare_profile(np.array([-1.5, -1.0, 0.0, 1.0, 20.0]))
    assert profile[0] == 0 and profile[2] == pytest.approx(0.992, abs=1e-3)
    assert profile[1] == pytest.approx(0, abs=0.07)
    assert profile[3] == pytest.approx(0.689 * np.exp(-1.6) + 0.303 * np.exp(-0.2783))
    assert profile[4] < 0.002


def test_the_damped_random_walk_has_an_exponential_autocorrelation() -> None:
    rng = np.random.default_rng(1)
    time = np.array([900.0, 0.0, 30.0, 100.0])  # not sorted
    walks = np.array([damped_random_walk(rng, time, 100.0, 0.3) for _ in range(20_000)])
    covariance = np.cov(walks.T)
    expected = 0.09 * np.exp(-np.abs(time[:, None] - time[None, :]) / 100.0)
    assert covariance == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["supernova"]}, "Invalid class 'supernova': expected one of rrab"),
        ({"classes": []}, "Invalid class ''"),
        ({"bands": "gz"}, "Invalid bands 'gz'"),
        ({"bands": ""}, "Invalid bands ''"),
        ({"points": 0}, "Invalid points"),
        ({"points": (300, 20)}, "Invalid points"),
        ({"seed": -1}, "Invalid seed -1"),
    ],
)
def test_invalid_options_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message.replace("(", r"\(")):
        scope.simulate_light_curves(2, **options)
    with pytest.raises(InvalidInputError, match="Invalid number of sources 0"):
        scope.simulate_light_curves(0)
