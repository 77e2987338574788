"""
The X-ray flux of one day, with flares
======================================

``astrodome_goes.plot`` plots both channels of the GOES X-ray sensors, and marks flares.
"""

# %%
# Import the measurements of 2011-06-07, which are part of the test data of sunpy.

import tempfile

import astrodome_goes as goes
from sunpy.data.test import get_test_filepath

store = goes.Store(tempfile.mkdtemp())
goes.import_files(get_test_filepath("go1520110607.fits"), store)
goes.flares(store, "2011-06-07", "2011-06-07", min_class="C1.0")

# %%
# Plot the day, with all flares of class B5.0 and above.

figure = goes.plot(store, "2011-06-07", "2011-06-07", min_class="B5.0").figure
