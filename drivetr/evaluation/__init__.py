"""Metrics: inputs are structures, outputs are numbers."""
