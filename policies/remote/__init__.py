"""Policies behind a websocket: a client for other people's servers and a server for ours."""
