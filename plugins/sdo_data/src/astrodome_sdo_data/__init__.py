"""Images of the Sun as the Solar Dynamics Observatory takes them.

``download`` brings named images from the archives in ``sources`` and keeps a ``manifest`` of them;
``ingest`` makes such images of FITS, JPEG 2000 and plain pictures, which ``observation`` reads.
``meta`` describes them; ``images`` makes them smaller or cuts patches out of them; ``show`` and
``film`` draw them, ``info`` says what a folder holds. ``fido`` registers an archive with sunpy.
"""
