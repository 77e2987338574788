"""Preprocessing of data sets, and training, prediction and evaluation of classifiers."""
