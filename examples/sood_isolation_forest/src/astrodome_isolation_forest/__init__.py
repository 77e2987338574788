"""Isolation forest of scikit-learn as a model for ``sdo sood``."""
