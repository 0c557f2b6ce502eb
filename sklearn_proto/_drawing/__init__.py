"""Pieces that every picture is made of: texts, panels, rows, images, waterfalls."""
