"""drivetr: multi-camera 3D perception with transformers, in pure PyTorch."""

__version__ = "0.1.0"
