"""Measurements: ours and Python side by side."""
