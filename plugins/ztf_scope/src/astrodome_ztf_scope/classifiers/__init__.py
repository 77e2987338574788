"""Preprocessing, training, prediction and evaluation of classifiers."""
