"""A driving world rendered in the nuScenes format."""
