"""Use GOES X-ray flux from Python: import a file, look up times, find flares, plot.

Run it with ``python examples/goes_api.py``. It needs no network: the file is part of sunpy's test
data. The cells (``# %%``) can be run one by one in an editor or a notebook.
"""

# %% Import files into a store. goes.download("2011-06-07", "2011-06-07", store) downloads them.
import tempfile
from pathlib import Path

import astrodome_goes as goes
from sunpy.data.test import get_test_filepath

folder = Path(tempfile.mkdtemp())
store = goes.Store(folder / "goes")
outcome = goes.import_files(get_test_filepath("go1520110607.fits"), store)
print(f"{outcome.done} files imported, {len(outcome.failed)} failed")

# %% The flux at some times (W/m²); NaN without a good sample within 60 s
times = ["2011-06-07T06:41", "2011-06-07T12:00", "2011-06-09"]
print(goes.flux_at(store, times))
print(goes.samples_at(store, times)[["timestamp", "class", "xrsb_W_m2", "distance_s"]])

# %% Flares of a time range
flares = goes.flares(store, "2011-06-07", "2011-06-07", min_class="B5.0")
print(flares[["start", "peak", "end", "class"]])

# %% All samples of a time range, as a pandas table and as a sunpy time series
samples = goes.samples(store, "2011-06-07T06:00", "2011-06-07T08:00")
print(samples["xrsb_W_m2"].resample("30min").max())
print(goes.timeseries(store, "2011-06-07", "2011-06-07").to_dataframe().describe())

# %% Gaps, and a plot
print(goes.coverage(store, "2011-06-07", "2011-06-07")["gaps"])
goes.plot(store, "2011-06-07", "2011-06-07").save(folder / "day.png")
print(f"Plot: {folder / 'day.png'}")
