"""Light-curve shapes of pulsating stars, as Fourier series with published parameters.

Phases ``psi`` belong to cosine series. A phase difference ``phi_k1`` of a sine series, as in Simon
and Lee (1981, ApJ 248, 291), is converted with ``psi_k1 = phi_k1 + (k - 1) pi / 2``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .signals import Array, Signal, by_band, clipped_normal, log_uniform, phases, series

Band = NDArray[np.int64]
RR_LYRAE_RATIOS = (1.0, 0.71, 0.57)
"""Amplitudes in g, r and i relative to g (Sesar et al. 2010, ApJ 708, 717)."""
CEPHEID_RATIOS = (1.0, 0.68, 0.50)
"""Amplitudes in g, r and i relative to g (Klagyivik and Szabados 2009, A&A 504, 959)."""
DELTA_SCUTI_RATIOS = (1.0, 0.72, 0.58)
MIRA_RATIOS = (1.0, 0.78, 0.55)

CEPHEID_PERIODS = (1, 2, 4, 7, 9, 10, 12, 15, 20, 30, 60)
CEPHEID_R21 = (0.35, 0.45, 0.45, 0.35, 0.20, 0.12, 0.15, 0.25, 0.35, 0.42, 0.40)
CEPHEID_R31 = (0.15, 0.20, 0.20, 0.15, 0.10, 0.08, 0.10, 0.15, 0.20, 0.22, 0.20)
CEPHEID_PSI21 = (4.25, 4.4, 4.65, 5.0, 5.4, 5.7, 4.7, 4.9, 5.2, 5.5, 5.8)
CEPHEID_PSI31 = (2.0, 2.4, 3.0, 3.6, 4.0, 4.2, 2.4, 2.8, 3.4, 4.0, 4.4)
"""Fourier parameters along the Hertzsprung progression, at ``CEPHEID_PERIODS`` in days (values read
from Soszyński et al. 2008, Acta Astron. 58, 163, figure 2)."""


def rr_lyrae_ab(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """RR Lyrae star of type ab (fundamental mode).

    The amplitude follows the period-amplitude relation in B of Cacciari et al. (2005, AJ 129, 267),
    which is used for g. phi31 follows from the metallicity (Jurcsik and Kovács 1996, A&A 312, 111).
    """
    period = clipped_normal(rng, 0.56, 0.07, 0.42, 0.85)
    log_period = np.log10(period)
    relation = -3.123 - 26.331 * log_period - 35.853 * log_period**2
    amplitude = np.clip(min(relation, 1.45) + rng.normal(0, 0.12), 0.35, 1.6)
    metallicity = clipped_normal(rng, -1.3, 0.35, -2.2, -0.2)
    phi21 = 2.4 + rng.normal(0, 0.1)
    phi31 = (metallicity + 5.038 + 5.394 * period) / 1.345
    ratios = [1.0, rng.normal(0.47, 0.03), rng.normal(0.33, 0.03), 0.22, 0.14, 0.09, 0.05]
    k = np.arange(1, len(ratios) + 1)
    # The phase differences of higher orders continue the step from phi21 to phi31.
    psi = np.where(k == 1, 0.0, phi21 + (k - 2) * (phi31 - phi21) + (k - 1) * np.pi / 2)
    shape = series(phases(rng, time, period), ratios, list(psi))
    return Signal(amplitude * by_band(band, *RR_LYRAE_RATIOS) * shape, period)


def _rr_lyrae_c_shape(rng: np.random.Generator, period: float, phase: Array) -> Array:
    """Return the shape of a first-overtone RR Lyrae star (Simon and Teays 1982, ApJ 261, 586)."""
    r21 = float(np.interp(period, [0.22, 0.45], [0.24, 0.10])) + rng.normal(0, 0.02)
    phi31 = float(np.interp(period, [0.25, 0.42], [2.5, 5.5])) + rng.normal(0, 0.3)
    psi21 = 3.0 + rng.normal(0, 0.15) + np.pi / 2
    return series(phase, [1.0, r21, 0.07], [0.0, psi21, phi31 + np.pi])


def rr_lyrae_c(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """RR Lyrae star of type c (first overtone)."""
    period = clipped_normal(rng, 0.325, 0.045, 0.22, 0.45)
    amplitude = clipped_normal(rng, 0.5, 0.07, 0.3, 0.65)
    shape = _rr_lyrae_c_shape(rng, period, phases(rng, time, period))
    return Signal(amplitude * by_band(band, *RR_LYRAE_RATIOS) * shape, period)


def rr_lyrae_d(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """RR Lyrae star of type d (double mode): the first overtone and a weaker fundamental mode.

    The ratio of the periods is 0.742 to 0.748 (Soszyński et al. 2014, Acta Astron. 64, 177).
    """
    period = clipped_normal(rng, 0.365, 0.015, 0.34, 0.42)
    fundamental = period / rng.uniform(0.742, 0.748)
    amplitude = clipped_normal(rng, 0.45, 0.05, 0.35, 0.6)
    shape = _rr_lyrae_c_shape(rng, period, phases(rng, time, period))
    slow = series(phases(rng, time, fundamental), [1.0, 0.2], [0.0, 4.0])
    mag = amplitude * (shape + rng.uniform(0.35, 0.7) * slow)
    return Signal(mag * by_band(band, *RR_LYRAE_RATIOS), period, fundamental)


def cepheid(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Classical Cepheid in the fundamental mode, on the Hertzsprung progression."""
    period = log_uniform(rng, 1.5, 50.0)

    def at_period(values: tuple[float, ...]) -> float:
        return float(np.interp(np.log(period), np.log(CEPHEID_PERIODS), values))

    r21 = at_period(CEPHEID_R21) + rng.normal(0, 0.02)
    r31 = at_period(CEPHEID_R31) + rng.normal(0, 0.01)
    psi21 = at_period(CEPHEID_PSI21) + rng.normal(0, 0.1)
    psi31 = at_period(CEPHEID_PSI31) + rng.normal(0, 0.15)
    step = psi31 - psi21
    shape = series(
        phases(rng, time, period),
        [1.0, r21, r31, 0.5 * r31, 0.25 * r31],
        [0.0, psi21, psi31, psi31 + step, psi31 + 2 * step],
    )
    amplitude = clipped_normal(rng, 0.9, 0.2, 0.35, 1.5)
    return Signal(amplitude * by_band(band, *CEPHEID_RATIOS) * shape, period)


def delta_scuti(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """δ Scuti star: one dominant mode, in half of the stars with a second radial mode.

    The ratio of the periods is 0.77 (Breger 2000, ASP Conf. Ser. 210, 3).
    """
    period = log_uniform(rng, 0.04, 0.2)
    amplitude = log_uniform(rng, 0.04, 0.4)
    # Stars with large amplitudes have asymmetric light curves.
    ratio = 0.35 * min(1.0, amplitude / 0.3)
    mag = series(phases(rng, time, period), [1.0, ratio, ratio**2], [0.0, 4.0, 1.8])
    second = np.nan
    if rng.random() < 0.5:
        second = period * rng.uniform(0.765, 0.778)
        mag = mag + rng.uniform(0.1, 0.4) * series(phases(rng, time, second), [1.0], [0.0])
    return Signal(amplitude * by_band(band, *DELTA_SCUTI_RATIOS) * mag, period, second)


def mira(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Mira: asymmetric cycles with random amplitudes and a slowly varying mean magnitude.

    Mean amplitudes and asymmetries follow Lebzelter (2011, Astron. Nachr. 332, 140).
    """
    period = float(np.clip(np.exp(rng.normal(np.log(280.0), 0.35)), 100.0, 600.0))
    amplitude = clipped_normal(rng, 4.0, 0.8, 2.5, 6.0)
    phase = (time - 2_458_000.0) / period + rng.random()
    scale = rng.normal(1.0, 0.08, 64)
    # Interpolated between cycles, so that the light curve is continuous.
    factor = np.interp(phase, np.arange(-2, 62), scale)
    shape = series(phase % 1.0, [1.0, rng.uniform(0.1, 0.25)], [0.0, rng.uniform(4.2, 5.0)])
    mean = rng.normal(0, 0.25) * np.sin(2 * np.pi * time / rng.uniform(900, 2500))
    return Signal(by_band(band, *MIRA_RATIOS) * amplitude * factor * shape + mean, period)
