"""Client for images from Georgia State University (GSU) in ``sunpy.net.Fido``.

Importing this package registers the client and the search attribute ``a.gsu.Size``.

Examples
--------
>>> import astrodome_sdo_data.fido
>>> from astropy import units as u
>>> from sunpy.net import Fido, attrs as a
>>> found = Fido.search(
...     a.Time("2012-03-07", "2012-03-08"), a.Instrument.aia,
...     a.Wavelength(171 * u.angstrom), a.Sample(1 * u.hour), a.gsu.Size("512"),
... )
>>> files = Fido.fetch(found)  # doctest: +SKIP
"""

from .client import GSUClient as GSUClient
from .client import GSUResponse as GSUResponse

__all__ = ["GSUClient", "GSUResponse"]
