"""Read a solar image, and convert between positions on the Sun and pixels.

Run the script with ``python examples/solar_api.py``.
"""

# %% Read an AIA image at 171 angstrom, which is part of the test data of sunpy.
import tempfile
from pathlib import Path

import astrodome_solar as solar
from sunpy.data.test import get_test_filepath

image = solar.read_image(get_test_filepath("aia_171_level1.fits"))
print(image.time, image.wavelength, "angstrom,", image.exposure, "s,", image.unit)

# %% Rotate the image so that solar north is up, and write it with eight bits per pixel.
upright = image.north_up()
print("brightest pixel:", upright.intensities().max(), "DN/s")
folder = Path(tempfile.mkdtemp())
upright.to_picture(512).save(folder / image.file_name)
print("written:", image.file_name)

# %% Convert a helioprojective position to pixels, and rotate a position by half a day.
position = upright.geometry.to_pixel([[300, -200]])
print("pixel from the upper left corner:", position.round(1))
earlier, visible = solar.rotate_positions([[300, -200]], ["2011-02-14T12:00"], upright.geometry)
print("a region that was at (300, -200) arcsec is now at", earlier.round(), visible)

# %% Convert the image to a sunpy map.
print(image.to_map().observer_coordinate)

# %% Look up a channel, parse a time, and convert flare classes.
print(solar.find_channel("171A"))
print(solar.parse_time("2012.03.04_00:00:34_TAI"))
print(solar.flare_class(2.57e-5), solar.flux_of_class("X2.2"))
