"""Histogram-based gradient boosting of scikit-learn as a classifier for ``scope``."""
