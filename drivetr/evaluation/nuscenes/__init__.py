"""Submissions and the official nuScenes detection metrics."""
