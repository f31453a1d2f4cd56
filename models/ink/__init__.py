"""Ink and paper: reading image files and preparing signature crops, alike for every model."""
