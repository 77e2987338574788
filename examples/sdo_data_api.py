"""Import, resize and show AIA images from Python, without the command line and the network.

The files are created here: two AIA channels every 12 minutes with a bright region that rotates
with the Sun. To fetch real images instead, use ``download("gsu", start, end, folder)``. Run this
file cell by cell in a notebook, or as a script in an empty folder.
"""

# %% Create FITS files, as an archive would deliver them.
from datetime import datetime, timedelta
from pathlib import Path

import astrodome_sdo_data as sdo_data
import numpy as np
from astropy.io import fits

SIDE, SCALE = 256, 9.6  # pixels, arcsec per pixel
START = datetime(2012, 3, 7)


def write_observation(path: Path, time: datetime, wavelength: int) -> Path:
    """Write a disk with a bright region as an AIA level 1 file."""
    y, x = (np.indices((SIDE, SIDE)) - SIDE / 2 + 0.5) * SCALE
    disk = 200.0 * (np.hypot(x, y) < 960)
    position = 100 + 20 * (time - START) / timedelta(hours=1)
    counts = disk + 3000 * np.exp(-((x - position) ** 2 + (y - 300) ** 2) / 2e4)
    header = {
        "TELESCOP": "SDO/AIA",
        "INSTRUME": "AIA_3",
        "DATE-OBS": time.isoformat(),
        "WAVELNTH": wavelength,
        "WAVEUNIT": "angstrom",
        "EXPTIME": 2.0,
        "LVL_NUM": 1.0,
        "BUNIT": "DN",
        "QUALITY": 0,
        "CTYPE1": "HPLN-TAN",
        "CTYPE2": "HPLT-TAN",
        "CUNIT1": "arcsec",
        "CUNIT2": "arcsec",
        "CRVAL1": 0.0,
        "CRVAL2": 0.0,
        "CDELT1": SCALE,
        "CDELT2": SCALE,
        "CRPIX1": SIDE / 2 + 0.5,
        "CRPIX2": SIDE / 2 + 0.5,
        "CROTA2": 0.0,
        "DSUN_OBS": 1.484e11,
        "RSUN_OBS": 967.0,
        "HGLN_OBS": 0.0,
        "HGLT_OBS": -7.2,
    }
    fits.PrimaryHDU(counts.astype("f4"), fits.Header(header.items())).writeto(path)
    return path


originals = [
    write_observation(
        Path(f"aia_{wavelength}_{n}.fits"), START + n * timedelta(minutes=12), wavelength
    )
    for wavelength in (171, 304)
    for n in range(3)
]

# %% Import them: intensities per second, scaled to eight bits, north up, with a metadata table.
outcome = sdo_data.import_files(originals, "aia")
assert not outcome.failed

# %% List the images with their metadata.
images = sdo_data.read_folder("aia")
print(images[["t_obs", "wavelength", "QUALITY", "CDELT"]])

# %% Resize the images and cut patches, for example to train a model.
sdo_data.resize("aia", "aia_64", size=64)
sdo_data.cut_patches("aia", "patches", size=32, max_patches=8, seed=1)

# %% Look at them.
sheet = sdo_data.make_contact_sheet("aia", "sheet.png", size=128)
for each in sdo_data.summarize("aia").wavelengths:
    print(f"{each.wavelength} Å: {len(each.times)} images every {each.cadence:g} s")
