"""A compiled ``MjModel`` as a USD scene in Isaac Lab; nothing outside ``backends`` imports it."""
