"""Compiled kernels that carry the state of free bodies between PhysX and MuJoCo.

PhysX has the velocity of the centre of mass and the angular velocity in the world's axes; a
MuJoCo free joint has the velocity of the body's origin and the angular velocity in the body's axes.
"""

from typing import Any

from molmospaces_gym.jit import helper, kernel
from molmospaces_gym.kernels import Array


@helper
def _turned(q: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A vector turned by the quaternion ``q`` (wxyz)."""
    a = q[2] * z - q[3] * y + q[0] * x
    b = q[3] * x - q[1] * z + q[0] * y
    c = q[1] * y - q[2] * x + q[0] * z
    return (
        x + 2.0 * (q[2] * c - q[3] * b),
        y + 2.0 * (q[3] * a - q[1] * c),
        z + 2.0 * (q[1] * b - q[2] * a),
    )


@kernel
def free_states(
    rows: Array, middles: Array, which: Any, addresses: Any, qpos: Array, qvel: Array
) -> None:
    """Write free bodies into ``qpos`` and ``qvel``.

    Args:
        rows: (n, 13) position, quaternion, velocity of the centre of mass, angular velocity.
        middles: (bodies, 3) centres of mass in the bodies' frames.
        which: (n,) which body each row is.
        addresses: (bodies, 2) addresses in ``qpos`` and ``qvel``.
    """
    back = rows[0, 3:7].copy()
    for row in range(len(rows)):
        body, state = which[row], rows[row]
        at, dof = addresses[body, 0], addresses[body, 1]
        quat, middle = state[3:7], middles[body]
        for i in range(7):
            qpos[at + i] = state[i]
        arm = _turned(quat, middle[0], middle[1], middle[2])
        wx, wy, wz = state[10], state[11], state[12]
        qvel[dof] = state[7] - (wy * arm[2] - wz * arm[1])
        qvel[dof + 1] = state[8] - (wz * arm[0] - wx * arm[2])
        qvel[dof + 2] = state[9] - (wx * arm[1] - wy * arm[0])
        back[0] = quat[0]
        for i in range(1, 4):
            back[i] = -quat[i]
        turn = _turned(back, wx, wy, wz)
        for i in range(3):
            qvel[dof + 3 + i] = turn[i]


@kernel
def centre_velocity(qpos: Array, qvel: Array, middle: Array, out: Array) -> None:
    """Write velocity of the centre of mass and angular velocity (6,), both in the world's axes."""
    quat = qpos[3:7]
    arm = _turned(quat, middle[0], middle[1], middle[2])
    turn = _turned(quat, qvel[3], qvel[4], qvel[5])
    for i in range(3):
        out[3 + i] = turn[i]
    out[0] = qvel[0] + turn[1] * arm[2] - turn[2] * arm[1]
    out[1] = qvel[1] + turn[2] * arm[0] - turn[0] * arm[2]
    out[2] = qvel[2] + turn[0] * arm[1] - turn[1] * arm[0]
