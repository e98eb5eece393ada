"""Homes: generated houses of several rooms with doors, furniture that opens and many objects."""
