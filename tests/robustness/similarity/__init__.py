"""Certificates of similarity-based models."""
