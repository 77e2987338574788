"""Read an image of the Sun, and find where a position is in it. Run it without arguments."""

# %% An AIA image at 171 angstrom, which sunpy contains. Use your own file here.
import tempfile
from pathlib import Path

import astrodome_solar as solar
from sunpy.data.test import get_test_filepath

image = solar.read_image(get_test_filepath("aia_171_level1.fits"))
print(image.time, image.wavelength, "angstrom,", image.exposure, "s,", image.unit)

# %% The intensities in DN/s with solar north up, and the same with eight bits per pixel
upright = image.north_up()
print("brightest pixel:", upright.intensities().max(), "DN/s")
folder = Path(tempfile.mkdtemp())
upright.to_picture(512).save(folder / image.file_name)
print("written:", image.file_name)

# %% The pixel of a helioprojective position, and the position half a day earlier
position = upright.geometry.to_pixel([[300, -200]])
print("pixel from the upper left corner:", position.round(1))
earlier, visible = solar.rotate_positions([[300, -200]], ["2011-02-14T12:00"], upright.geometry)
print("a region that was at (300, -200) arcsec is now at", earlier.round(), visible)

# %% A sunpy map for everything else
print(image.to_map().observer_coordinate)

# %% Channels, times and flare classes
print(solar.find_channel("171A"))
print(solar.parse_time("2012.03.04_00:00:34_TAI"))
print(solar.flare_class(2.57e-5), solar.flux_of_class("X2.2"))
