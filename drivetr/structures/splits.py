"""The official splits of nuScenes."""

# Split -> how the name of the version ends that it belongs to, as the devkit's evaluation has it.
OFFICIAL_SPLITS = {
    "train": "trainval",
    "val": "trainval",
    "train_detect": "trainval",
    "train_track": "trainval",
    "mini_train": "mini",
    "mini_val": "mini",
    "test": "test",
}
