"""Displays, descriptions and the report."""
