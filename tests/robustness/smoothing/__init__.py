"""Randomized smoothing."""
