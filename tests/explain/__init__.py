"""Explanations: parts that add up, in words and pictures."""
