"""Use the GOES X-ray flux from Python: import a file, look up values, find flares, plot the flux.

Run the script with ``python examples/goes_api.py``. It does not need a network connection, because
the imported file is part of the test data of sunpy. The cells (``# %%``) can also be run separately
in an editor or a notebook.
"""

# %% Import a file into a store. To download data, use goes.download(start, end, store).
import tempfile
from pathlib import Path

import astrodome_goes as goes
from sunpy.data.test import get_test_filepath

folder = Path(tempfile.mkdtemp())
store = goes.Store(folder / "goes")
outcome = goes.import_files(get_test_filepath("go1520110607.fits"), store)
print(f"{outcome.done} files imported, {len(outcome.failed)} failed")

# %% Look up the flux (W/m²) at given times. It is NaN if no good sample exists within 60 s.
times = ["2011-06-07T06:41", "2011-06-07T12:00", "2011-06-09"]
print(goes.flux_at(store, times))
print(goes.samples_at(store, times)[["timestamp", "class", "xrsb_W_m2", "distance_s"]])

# %% Find the flares in a time range.
flares = goes.flares(store, "2011-06-07", "2011-06-07", min_class="B5.0")
print(flares[["start", "peak", "end", "class"]])

# %% Read all samples in a time range as a pandas DataFrame and as a sunpy TimeSeries.
samples = goes.samples(store, "2011-06-07T06:00", "2011-06-07T08:00")
print(samples["xrsb_W_m2"].resample("30min").max())
print(goes.timeseries(store, "2011-06-07", "2011-06-07").to_dataframe().describe())

# %% Find gaps in the data, and plot the flux.
print(goes.coverage(store, "2011-06-07", "2011-06-07")["gaps"])
goes.plot(store, "2011-06-07", "2011-06-07").save(folder / "day.png")
print(f"Plot: {folder / 'day.png'}")
