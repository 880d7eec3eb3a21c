"""One file for each kind of dataset: what its test writes, and the metrics of it."""
