"""Scores of explanations."""
