"""Preprocess data sets, and train, apply and evaluate classifiers."""
