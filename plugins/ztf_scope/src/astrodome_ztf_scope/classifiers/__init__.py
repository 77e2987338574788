"""Data sets, models, training, prediction and evaluation of classifiers."""
