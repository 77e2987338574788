"""``scope anomalies``: anomaly scores from the population in each filter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.tables import feature_provenance
from scipy.stats import genpareto

Scope = Callable[..., Result]


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """Two tables with exponential residuals in g, larger ones in r, and few in i."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "_id": np.arange(2010),
            "filter": np.repeat([1, 2, 3], [1000, 1000, 10]),
            "drw_max_z": random.exponential(size=2010) * np.repeat([1, 3, 1], [1000, 1000, 10]),
        }
    )
    frame.loc[5, "drw_max_z"] = np.nan
    frame.attrs = {feature_provenance.KEY: '{"fourier_convention": "amplitudes"}'}
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    frame[:1500].to_parquet(paths[0])
    frame[1500:].to_parquet(paths[1])
    return paths


def test_the_scores_are_those_of_the_population_in_the_same_filter(
    scope: Scope, tables: list[Path]
) -> None:
    about = scope("anomalies", *tables, "--probability", "0.01", "--json").succeeded().json
    found = pd.read_parquet("anomalies.parquet")
    given = pd.concat([pd.read_parquet(path) for path in tables], ignore_index=True)
    pd.testing.assert_frame_equal(found[list(given)], given, check_dtype=False)
    assert feature_provenance.convention(Path("anomalies.parquet")) == "amplitudes"
    for number, row in zip((1, 2), about["filters"], strict=False):
        x = given["drw_max_z"][given["filter"] == number].dropna().to_numpy()
        limit = np.percentile(x, 95)
        excess = x[x > limit] - limit
        shape, _, scale = genpareto.fit(excess, floc=0)
        tail = len(excess) / len(x) * genpareto.sf(excess, shape, scale=scale)
        rows = (given["filter"] == number) & (given["drw_max_z"] > limit)
        np.testing.assert_allclose(found["anomaly_score"][rows], -np.log10(tail), rtol=1e-9)
        quantile = 1 - 0.01 * len(x) / len(excess)
        assert row["threshold"] == pytest.approx(
            limit + genpareto.ppf(quantile, shape, scale=scale)
        )
        flags = found["anomaly_flag"][given["filter"] == number]
        assert row["anomalies"] == flags.sum() and 5 <= flags.sum() <= 15
        assert row["light_curves"] == 1000
    assert np.isnan(found["anomaly_score"][5]) and pd.isna(found["anomaly_flag"][5])


def test_a_filter_with_few_light_curves_has_no_scores(scope: Scope, tables: list[Path]) -> None:
    result = scope("anomalies", *tables).succeeded()
    assert "Too few light curves in the filter 3" in result.err
    assert pd.read_parquet("anomalies.parquet")["anomaly_score"][2000:].isna().all()


def test_stored_calibrations_apply_to_other_tables(scope: Scope, tables: list[Path]) -> None:
    stored = ("--calibrations", "calibrations")
    scope("anomalies", *tables, *stored).succeeded()
    names = sorted(path.name for path in Path("calibrations").iterdir())
    assert names == ["drw_max_z_filter_1.json", "drw_max_z_filter_2.json"]
    whole = pd.read_parquet("anomalies.parquet").set_index("_id")["anomaly_score"]
    pd.read_parquet(tables[0])[10:30].to_parquet("few.parquet")
    scope("anomalies", "few.parquet", *stored, "--out=other.parquet").succeeded()
    few = pd.read_parquet("other.parquet").set_index("_id")["anomaly_score"]
    np.testing.assert_array_equal(few, whole[10:30])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("absent.parquet",), "absent.parquet"),
        (("{a}", "--statistic", "drw_max_x"), "Did you mean 'drw_max_z'?"),
        (("{a}", "--probability", "2"), "Invalid false-alarm probability"),
        (("{a}", "--out", "{a}"), "is also an input file"),
        (("{a}", "--out", "out.csv"), "Unsupported file extension"),
    ],
)
def test_invalid_usage_is_one_short_error(
    scope: Scope, tables: list[Path], options: tuple[str, ...], words: str
) -> None:
    result = scope("anomalies", *(option.format(a=tables[0]) for option in options))
    assert result.code in (1, 2) and words in result.err
    assert "Traceback" not in result.err and len(pd.read_parquet(tables[0]).columns) == 3


def test_the_error_for_a_missing_statistic_contains_the_option_that_adds_it(
    scope: Scope, tables: list[Path]
) -> None:
    table = pd.read_parquet(tables[0])
    table.drop(columns="drw_max_z").to_parquet("plain.parquet")
    result = scope("anomalies", "plain.parquet")
    assert result.code == 1 and "scope features --drw" in result.err
