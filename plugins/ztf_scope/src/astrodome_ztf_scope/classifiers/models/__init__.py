"""Classifiers that are based on a two-branch neural network and on boosted trees."""
