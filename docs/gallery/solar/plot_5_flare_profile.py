"""
The start, peak and end of a flare
==================================

``astrodome_goes.flares`` detects flares according to the NOAA definition: a flare starts with four
minutes of steep increase, and ends when the flux has decreased halfway from the peak.
"""

# %%
# Find the largest flare on 2011-06-07, and read the samples around it.

import tempfile
from datetime import timedelta

import astrodome_goes as goes
import matplotlib.pyplot as plt
from matplotlib.dates import DateFormatter
from sunpy.data.test import get_test_filepath

store = goes.Store(tempfile.mkdtemp())
goes.import_files(get_test_filepath("go1520110607.fits"), store)
flares = goes.flares(store, "2011-06-07", "2011-06-07")
flare = flares.loc[flares["flux_W_m2"].idxmax()]
margin = timedelta(minutes=40)
samples = goes.samples(store, flare["start"] - margin, flare["end"] + margin)
flare

# %%
# Plot the flux at 1–8 Å, and the times of the flare.

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
axes.plot(samples.index, samples["xrsb_W_m2"], label="1–8 Å")
axes.plot(samples.index, samples["xrsa_W_m2"], label="0.5–4 Å")
for name in ("start", "peak", "end"):
    axes.axvline(flare[name], color="black", linestyle=":")
    axes.text(flare[name], 0.5, name, transform=axes.get_xaxis_transform(), rotation=90, ha="right")
axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
axes.set(
    yscale="log",
    xlabel="time (UTC)",
    ylabel="flux (W/m²)",
    title=f"{flare['class']} flare, {flare['peak']:%Y-%m-%d}",
)
axes.legend()
plt.show()
