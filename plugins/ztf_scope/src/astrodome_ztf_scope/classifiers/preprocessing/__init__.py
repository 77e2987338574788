"""Preprocessing of data sets: splitting, imputation and scaling."""
