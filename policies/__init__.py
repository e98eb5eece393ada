"""Policies behind one interface: anything with ``reset`` and SB3's ``predict``."""
