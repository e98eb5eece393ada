"""What no backend but MuJoCo represents, whichever its engine."""

from collections.abc import Iterator

import mujoco

from molmospaces_gym.backends.layout import FREE, HINGE, SLIDE

_TRN = mujoco.mjtTrn


def common_refusals(model: mujoco.MjModel) -> Iterator[str]:
    """Reasons, naming what they are about, why a model would become another one."""
    for joint in range(model.njnt):
        if int(model.jnt_type[joint]) not in (FREE, HINGE, SLIDE):
            yield f"joint {model.joint(joint).name!r}: ball joints are not supported"
        if model.jnt_type[joint] == FREE and model.body_jntnum[model.jnt_bodyid[joint]] > 1:
            yield f"body {model.body(model.jnt_bodyid[joint]).name!r}: a free joint among others"
    for actuator in range(model.nu):
        name = model.actuator(actuator).name
        if int(model.actuator_trntype[actuator]) not in (
            int(_TRN.mjTRN_JOINT),
            int(_TRN.mjTRN_TENDON),
        ):
            yield f"actuator {name!r}: it drives neither a joint nor a fixed tendon"
        elif model.actuator_biasprm[actuator, 1] >= 0 or model.actuator_dyntype[actuator] != 0:
            yield f"actuator {name!r}: it is no position servo"
    for tendon in range(model.ntendon):
        first = int(model.tendon_adr[tendon])
        if model.wrap_type[first] != int(mujoco.mjtWrap.mjWRAP_JOINT):
            yield f"tendon {model.tendon(tendon).name!r}: it is no fixed tendon"
    if model.npair:
        yield f"{model.npair} contact pairs of their own"
    if model.nflex:
        yield f"{model.nflex} deformable bodies"


def joint_follows_nonlinearly(model: mujoco.MjModel, equality: int) -> bool:
    """Whether a joint equality has no leader or more than an offset and a ratio."""
    return bool(model.eq_obj2id[equality] < 0 or model.eq_data[equality, 2:5].any())
