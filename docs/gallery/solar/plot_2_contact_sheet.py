"""
A contact sheet
===============

``astrodome_sdo_data.make_contact_sheet`` shows the images in a folder, with one column per
wavelength.
"""

# %%
# Import images in the formats JPEG 2000 and JPX, which are part of the packages sunpy and glymur.
# The JPX file contains two images: one from AIA, and one from SWAP at 174 Å.

import tempfile
from importlib.resources import files
from pathlib import Path

import astrodome_sdo_data as sdo_data
import matplotlib.pyplot as plt
from sunpy.data.test import get_test_filepath

folder = Path(tempfile.mkdtemp())
originals = [
    get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2"),
    str(files("glymur") / "data" / "heliov.jpx"),
]
outcome = sdo_data.import_files(originals, folder, size=512, jobs=1)
print(outcome.done, "images imported")
print(sdo_data.read_folder(folder)[["t_obs", "wavelength"]])

# %%
# Create the contact sheet, with the colormaps of the AIA channels.

sheet = sdo_data.make_contact_sheet(folder, size=320, color=True)
figure = plt.figure(figsize=(sheet.width / 100, sheet.height / 100))
axes = figure.add_axes((0, 0, 1, 1))
axes.imshow(sheet)
axes.axis("off")
plt.show()
