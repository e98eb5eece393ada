"""A compiled ``MjModel`` as a SAPIEN (PhysX) scene; nothing outside ``backends`` imports it.

``layout`` says which bodies move as one and which joints connect them, ``losses`` what PhysX
cannot represent; both look at the model alone. ``shapes``, ``bodies`` and ``drives`` build,
``scene`` carries the state back and forth, ``contacts`` reads contacts.
"""

import warnings

with warnings.catch_warnings():
    # SAPIEN looks for Vulkan, which is not needed: this package's own renderers draw.
    warnings.filterwarnings("ignore", message="Failed to find system libvulkan")
    import sapien  # noqa: F401
