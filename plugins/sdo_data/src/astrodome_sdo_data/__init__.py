"""Download, import, resize and display images from the Solar Dynamics Observatory (SDO).

Examples
--------
>>> import astrodome_sdo_data as sdo_data
>>> report = sdo_data.download(
...     "gsu", "2012-03-07", "2012-03-08", "aia", freq="6min", wavelength=[171, 193], size="512"
... )  # doctest: +SKIP
>>> sdo_data.read_folder("aia", 171)  # doctest: +SKIP
>>> sdo_data.make_contact_sheet("aia", "aia.png")  # doctest: +SKIP
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
