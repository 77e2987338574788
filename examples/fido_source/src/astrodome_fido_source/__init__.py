"""Images of the Sun that sunpy's Fido finds, as a source for ``sdo data download``."""
