"""Images of the Sun as the Solar Dynamics Observatory takes them.

``ingest`` turns FITS, JPEG 2000 and plain pictures into named eight-bit images,
which ``observation`` reads and ``manifest`` describes; ``images`` makes them smaller
or cuts patches out of them.
"""
