"""Hints on feature columns that are missing in a file."""

from __future__ import annotations

from collections.abc import Sequence


def how_to_add(missing: Sequence[str]) -> str:
    """Return a hint on how missing feature columns are computed, or how models can avoid them."""
    surveys = [name for name in ("gaia", "allwise", "ps1") if _has_columns_of(name, missing)]
    options = [f"--crossmatch {','.join(surveys)}"] if surveys else []
    options += ["--alerts"] if {"n_ztf_alerts", "mean_ztf_alert_braai"} & set(missing) else []
    compute = f"Compute these features with scope features {' '.join(options)}".strip()
    return (
        f"{compute}, or train models with a configuration (scope train --config) whose set of "
        "features contains only the columns of the file."
    )


def _has_columns_of(survey: str, names: Sequence[str]) -> bool:
    """Return whether there are columns of a survey, such as ``AllWISE__w1mpro`` of allwise."""
    return any(name.lower().startswith(survey) and "__" in name for name in names)
