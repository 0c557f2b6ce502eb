"""Certificates of part-prototype networks."""
