"""Reusable layers, one small file each."""
