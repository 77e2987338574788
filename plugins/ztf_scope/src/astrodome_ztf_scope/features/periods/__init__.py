"""Period search in light curves with several algorithms.

:func:`find_periods` searches one or many light curves and accepts astropy quantities and times.
:func:`search` is the function for one light curve in plain arrays. :func:`periodogram` computes the
values of one algorithm at given frequencies. :func:`agreement`, :func:`sidereal_family`,
:func:`nested` and :func:`best_period` combine the periods of several algorithms.

=====  ======================================================  ==============================
name   algorithm                                               source
=====  ======================================================  ==============================
LS     Lomb–Scargle, weighted, with a floating mean            Zechmeister & Kürster (2009)
CE     conditional entropy, 20 phase bins, 10 magnitude bins   Graham et al. (2013)
AOV    analysis of variance, 20 phase bins                     Schwarzenberg-Czerny (1989)
FPW    piecewise constant model, 20 phase bins                 Finkbeiner et al. (2025)
MHF    trend and up to three harmonics, by the BIC             Schwarz (1978)
BLS    box least squares, 50 phase bins                        Kovács et al. (2002)
MHAOV  analysis of variance with three harmonics               Schwarzenberg-Czerny (1996)
=====  ======================================================  ==============================
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
