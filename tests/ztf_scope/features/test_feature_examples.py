"""The examples in the modules for features, which are not in the public interface."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name", ["cleaning", "damped_random_walk", "extreme_values", "flares", "fourier", "statistics"]
)
def test_the_examples_in_docstrings_run(name: str) -> None:
    failed, attempted = doctest.testmod(import_module(f"astrodome_ztf_scope.features.{name}"))
    assert attempted > 0 and failed == 0
