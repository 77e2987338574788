"""Solar soft X-ray flux measured by the XRS instruments of the GOES satellites.

``archive`` reads the archives' files, ``store`` keeps their samples, ``lookup``
finds the sample nearest to a time, ``flares`` finds the flares; ``source`` is what
other plugins get when they ask for X-ray flux.
"""
