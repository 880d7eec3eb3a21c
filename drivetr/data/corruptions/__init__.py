"""Bad weather, broken cameras and bent rigs: what a detector meets on the road and not in data."""
