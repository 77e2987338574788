"""Access to survey catalogues of sources, features, scores and light curves."""
