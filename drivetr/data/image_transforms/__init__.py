"""Transforms of single images and their 2D boxes; all chance comes from an explicit generator."""
