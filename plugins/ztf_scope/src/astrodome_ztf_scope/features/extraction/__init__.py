"""Computation of feature tables from light curves."""
