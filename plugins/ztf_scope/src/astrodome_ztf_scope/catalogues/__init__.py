"""Survey catalogues: sources, features, scores and light curves."""
