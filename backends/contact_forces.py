"""Forces of contacts, decoded from the solver's multipliers without a call per contact."""

from typing import Any

from molmospaces_gym.jit import kernel


@kernel
def contact_pushes(
    frame: Any,
    dim: Any,
    address: Any,
    friction: Any,
    multipliers: Any,
    pyramidal: bool,
    normal_force: Any,
    push: Any,
) -> None:
    """Write the normal force (N) and the whole force of every contact; torques are left out.

    Args:
        frame: (n, 9) rows are the normal, from the first to the second geom, and two tangents.
        dim: (n,) 1, 3, 4 or 6, without and with tangential, torsional, rolling friction.
        address: (n,) where a contact's multipliers start; negative where it is inactive.
        friction: (n, 5) coefficients of the pyramid's edges.
        multipliers: (nefc,) the solver's constraint forces.
        pyramidal: whether friction cones are pyramids.
        normal_force: (n,) out.
        push: (n, 3) out, what the first geom exerts on the second, world frame, N.
    """
    for i in range(len(dim)):
        normal, first, second = 0.0, 0.0, 0.0
        at = address[i]
        if at >= 0 and (dim[i] == 1 or not pyramidal):
            normal = multipliers[at]
            if dim[i] > 1:
                first, second = multipliers[at + 1], multipliers[at + 2]
        elif at >= 0:
            for k in range(2 * (dim[i] - 1)):
                normal += multipliers[at + k]
            first = friction[i, 0] * (multipliers[at] - multipliers[at + 1])
            second = friction[i, 1] * (multipliers[at + 2] - multipliers[at + 3])
        normal_force[i] = normal
        for k in range(3):
            push[i, k] = normal * frame[i, k] + first * frame[i, 3 + k] + second * frame[i, 6 + k]
