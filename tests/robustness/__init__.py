"""Radii: what they promise, and how they are proven."""
