"""The data engine: expert episodes as training data, in formats that others read."""
