"""Classifiers: a network with two branches, and boosted trees."""
