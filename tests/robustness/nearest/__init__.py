"""Certificates of nearest-prototype models."""
