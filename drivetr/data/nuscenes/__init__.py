"""nuScenes data, on any rig."""
