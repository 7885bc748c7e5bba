"""Rank correlations, and how sure they are: bootstrap, permutation, jackknife, difference."""
