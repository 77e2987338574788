"""Survey catalogues: documents of sources, features and scores, and their light curves."""
