"""Figures: metrics, sanity checks, out-of-domain distances, aberrant slices."""
