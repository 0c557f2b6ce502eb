"""Shallow estimators."""
