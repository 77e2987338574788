"""Import, resize and show AIA images from Python.

Run the script with Python in an empty folder. It does not need a network connection, because it
creates images for two channels from an AIA image in the test data of sunpy. To download images,
use ``download("gsu", start, end, folder)``. The cells (``# %%``) can also be run separately in an
editor or a notebook.
"""

# %% Create FITS files with different times and channels.
from datetime import datetime, timedelta
from pathlib import Path

import astrodome_sdo_data as sdo_data
from astropy.io import fits
from sunpy.data.test import get_test_filepath

START = datetime(2012, 3, 7)


def write_observation(path: Path, time: datetime, wavelength: int) -> Path:
    """Write a copy of the test image with a different time and wavelength (in angstrom)."""
    with fits.open(get_test_filepath("aia_171_level1.fits")) as image:
        changes = {"T_OBS": time.isoformat(), "DATE-OBS": time.isoformat()}
        image[0].header.remove("BLANK")  # BLANK is invalid for floats.
        image[0].header.update({**changes, "WAVELNTH": wavelength})
        image.writeto(path)
    return path


originals = [
    write_observation(
        Path(f"aia_{wavelength}_{n}.fits"), START + n * timedelta(minutes=12), wavelength
    )
    for wavelength in (171, 304)
    for n in range(3)
]

# %% Import the FITS files as 8-bit images with north up, and write their metadata to meta.csv.
outcome = sdo_data.import_files(originals, "aia")
assert not outcome.failed

# %% List the images with their metadata.
images = sdo_data.read_folder("aia")
print(images[["t_obs", "wavelength", "QUALITY", "CDELT"]])

# %% Resize the images and cut patches, for example to train a model.
sdo_data.resize("aia", "aia_64", size=64)
sdo_data.cut_patches("aia", "patches", size=32, max_patches=8, seed=1)

# %% Create a contact sheet, and list the times of the images.
sheet = sdo_data.make_contact_sheet("aia", "sheet.png", size=128)
for each in sdo_data.summarize("aia").wavelengths:
    print(f"{each.wavelength} Å: {len(each.times)} images every {each.cadence:g} s")
