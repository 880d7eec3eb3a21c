"""One file a paper, and the criterion, matcher, heads and decoding that they share."""
