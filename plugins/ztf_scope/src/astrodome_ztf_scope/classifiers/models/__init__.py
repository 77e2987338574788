"""Classifiers: a two-branch neural network and boosted trees."""
