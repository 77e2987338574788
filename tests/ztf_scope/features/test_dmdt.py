"""dmdt images, compared with NumPy's two-dimensional histogram of all pairs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import astrodome_ztf_scope as scope
import numpy as np
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features.dmdt import DM, DT
from numpy.typing import NDArray
from ztf_scope.features.random_curves import Array, random_curve


def expected(t: Array, m: Array) -> NDArray[np.float32]:
    order = np.argsort(t, kind="stable")
    t, m = t[order], m[order]
    first, second = np.triu_indices(len(t), k=1)
    counts = np.histogram2d(m[second] - m[first], t[second] - t[first], bins=(DM, DT))[0]
    norm = np.linalg.norm(counts)
    return (counts / norm if norm else counts).astype(np.float32)


def test_the_image_is_the_histogram_of_all_pairs(torture: Callable[[int, int], int]) -> None:
    random = np.random.default_rng(1)
    for _ in range(torture(100, 10_000)):
        t, m, _ = random_curve(random, 2, 200)
        order = random.permutation(len(t))
        np.testing.assert_array_equal(
            scope.dmdt_image(t[order], m[order]), expected(t[order], m[order])
        )


def test_differences_equal_to_an_edge_are_in_the_bin_of_numpy() -> None:
    random = np.random.default_rng(2)
    for _ in range(50):
        n = int(random.integers(2, 120))
        t = random.choice([*DT, *np.arange(0, 2000, 12.5)], n)  # with ties
        m = random.choice(DM, n)
        np.testing.assert_array_equal(scope.dmdt_image(t, m), expected(t, m))


@pytest.mark.parametrize(
    ("dt", "dm", "pixel"),
    [
        (0.0, 0.0, (13, 0)),
        (2000.0, 8.0, (25, 25)),
        (2000.0, -8.0, (0, 25)),
        (np.nextafter(2000, 3000), 0.0, None),
        (1.0, np.nextafter(8, 9), None),
        (1.0, np.nextafter(-8, -9), None),
        (np.nextafter(0.02759, 0), 0.0, (13, 0)),
        (0.02759, np.nextafter(0, -1), (12, 1)),
    ],
)
def test_the_edges_are_half_open_except_for_the_last(
    dt: float, dm: float, pixel: tuple[int, int] | None
) -> None:
    image = scope.dmdt_image([0.0, dt], [0.0, dm])
    assert [tuple(map(int, found)) for found in np.argwhere(image)] == ([pixel] if pixel else [])
    assert image.sum() == (1 if pixel else 0)


def test_long_light_curves_equal_the_histogram() -> None:
    t, m, _ = random_curve(np.random.default_rng(3), 1500, 1500)
    np.testing.assert_array_equal(scope.dmdt_image(t, m), expected(t, m))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_epochs_give_an_empty_image(n: int) -> None:
    image = scope.dmdt_image(np.zeros(n), np.zeros(n))
    assert image.shape == (26, 26) and image.dtype == np.float32 and not image.any()


def test_epochs_with_nan_are_ignored() -> None:
    found = scope.dmdt_image([0, 1, np.nan, 5, 6], [15, 15.3, 14, np.nan, 15.2])
    np.testing.assert_array_equal(found, scope.dmdt_image([0, 1, 6], [15, 15.3, 15.2]))


def test_arrays_with_different_lengths_are_an_error() -> None:
    with pytest.raises(InvalidInputError, match=r"Invalid shapes: time \(2,\), mag \(3,\)"):
        scope.dmdt_image([0, 1], [15, 15, 15])


def test_the_memory_does_not_grow_with_the_number_of_pairs() -> None:
    code = (
        "import resource\n"
        "import numpy as np, astrodome_ztf_scope as scope\n"
        "def curve(n): return np.arange(float(n)), np.sin(np.arange(float(n)))\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "scope.dmdt_image(*curve(100))\n"
        "before = peak()\n"
        "scope.dmdt_image(*curve(4000))\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < 20_000  # in kB; 8 million pairs of float64 values would need 128 MB
