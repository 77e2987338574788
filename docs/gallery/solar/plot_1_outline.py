"""
An AIA image with the outline of an event
=========================================

``astrodome_hek_events.plot`` plots events on an image. Here, the event is the largest bright region
in the image itself, because records from HEK require a network connection or a store.
"""

# %%
# Read an AIA 171 Å image, which is part of the test data of sunpy.

import astrodome_hek_events as hek
import astrodome_solar as solar
import numpy as np
from matplotlib.figure import Figure
from skimage import measure
from sunpy.data.test import get_test_filepath

image = solar.read_image(get_test_filepath("aia_171_level1.fits")).north_up()
print(image.time, image.wavelength, "angstrom")

# %%
# Find the largest region in which the intensity is more than six times the median of the image.
# Row 0 of the data is the bottom row. Pixel coordinates start at the upper left corner.

data = image.data
contours = measure.find_contours(data, 6 * np.median(data[data > 0]))
outline = max(contours, key=len)
pixels = np.column_stack([outline[:, 1] + 0.5, image.height - 0.5 - outline[:, 0]])
arcsec = image.geometry.to_arcsec(pixels)

# %%
# Describe the region with the field names of HEK, plot it, and show the part of the Sun around it.

corners = ",".join(f"{x:.1f} {y:.1f}" for x, y in arcsec)
(left, bottom), (right, top) = arcsec.min(axis=0), arcsec.max(axis=0)
box = f"{left} {bottom},{right} {bottom},{right} {top},{left} {top},{left} {bottom}"
event = {
    "kb_archivid": "ivo://example.org/bright_region",
    "event_type": "AR",
    "event_starttime": image.time.isoformat(),
    "event_endtime": image.time.isoformat(),
    "hpc_bbox": f"POLYGON(({box}))",
    "hpc_boundcc": f"POLYGON(({corners}))",
}
figure: Figure = hek.plot(image, [event], outlines=True, grid=True)
low, high = pixels.min(axis=0) - 15, pixels.max(axis=0) + 15
axes = figure.axes[0]
scale = np.ptp(axes.get_xlim()) / image.width
axes.set_xlim(low[0] * scale, high[0] * scale)
axes.set_ylim((image.height - high[1]) * scale, (image.height - low[1]) * scale)
