"""A compiled ``MjModel`` as a SAPIEN (PhysX) scene; nothing outside ``backends`` imports it.

``layout`` says which bodies move as one and which joints connect them, ``losses`` what PhysX
cannot represent; both look at the model alone. ``shapes``, ``bodies`` and ``drives`` build,
``scene`` carries the state back and forth, ``contacts`` reads contacts.
"""
