"""What the cameras see: occlusion, where they are, and how bright it is."""

from molmospaces_gym.benchmarks.sweep.axis import Axis, Level, number
from molmospaces_gym.benchmarks.sweep.setup import Setup, stream
from molmospaces_gym.episode import EpisodeSpec, RandomizationSpec
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig, InvalidScene
from molmospaces_gym.randomization.camera_systems import (
    LEVELS,
    CameraSystem,
    eval_system,
    system_of,
)
from molmospaces_gym.randomization.cameras import CameraDraw

NOTHING, ALL = "none", "all"
DARKEST, BRIGHTEST = 0.01, 100.0


def camera_groups(setup: Setup) -> dict[str, tuple[str, ...]]:
    """Kind of camera -> those that the policy observes: ``wrist``, ``head`` and ``exterior``."""
    found: dict[str, list[str]] = {}
    for name in setup.cameras:
        kind = next((kind for kind in ("wrist", "head") if kind in name), "exterior")
        found.setdefault(kind, []).append(name)
    return {kind: tuple(names) for kind, names in found.items()}


def _occlusion_level(setup: Setup, text: str) -> Level:
    if setup.config.occlude_cameras:
        raise AxisUnavailable("axis 'occlusion': occlude_cameras is already among the arguments")
    if text == NOTHING:
        return Level(name=NOTHING)
    kind, colon, given = text.partition(":")
    groups = {**camera_groups(setup), ALL: setup.cameras}
    names = groups.get(kind) or ((kind,) if kind in setup.cameras else ())
    if not names:
        raise AxisUnavailable(
            f"axis 'occlusion': the policy sees no camera {kind!r}; levels are {NOTHING},"
            f" {', '.join(groups)} and the cameras {', '.join(setup.cameras)}, each with"
            " ':SHARE' to cover a part"
        )
    share = number("occlusion", given, 0.0, 1.0) if colon else 1.0
    if not share:
        raise InvalidConfig(f"axis 'occlusion': {text!r} covers nothing; that is {NOTHING!r}")
    covered = dict.fromkeys(names, share)
    return Level(name=text, env_kwargs={"occlude_cameras": list(names) if share == 1 else covered})


def _occlusion_defaults(setup: Setup) -> tuple[str, ...]:
    groups = tuple(camera_groups(setup))
    return (NOTHING, *groups, ALL) if len(groups) > 1 else (NOTHING, *groups)


def _camera_level(setup: Setup, text: str) -> Level:
    level = number("cameras", text, LEVELS[0], LEVELS[-1])
    try:
        system_of(level, setup.robot)
    except InvalidConfig as error:
        raise AxisUnavailable(f"axis 'cameras': {error}") from error
    system = eval_system(level)
    for episode in setup.episodes:
        _check_names(episode, system)
    draw = CameraDraw(system)

    def change(episode: EpisodeSpec) -> EpisodeSpec | None:
        try:
            drawn = draw.draw(setup.scene_of(episode), episode, stream("cameras", episode))
        except InvalidScene:  # the object is seen from none of the poses drawn
            return None
        new = {camera.name: camera for camera in drawn}
        return episode.replace(cameras=[new.get(camera.name, camera) for camera in episode.cameras])

    return Level(name=f"{level:g}", value=level, change=change)


def _check_names(episode: EpisodeSpec, system: CameraSystem) -> None:
    held = [camera.name for camera in episode.cameras]
    missing = [name for name in system.names if name not in held]
    if missing:
        raise AxisUnavailable(
            f"axis 'cameras': episode {episode.episode_id!r} has no camera {', '.join(missing)},"
            f" only {', '.join(held) or 'none'}"
        )


def _light_level(setup: Setup, text: str) -> Level:
    factor = number("lighting", text, DARKEST, BRIGHTEST)
    if factor == 1.0:
        return Level(name="1", value=1.0)

    def change(episode: EpisodeSpec) -> EpisodeSpec:
        given = episode.randomization or RandomizationSpec.trusted()
        brightness = factor * float(given.brightness or 1.0)
        return episode.replace(randomization=given.replace(brightness=brightness))

    return Level(name=f"{factor:g}", value=factor, change=change)


OCCLUSION_AXIS = Axis(
    name="occlusion",
    title="occluded cameras",
    reference=lambda setup: NOTHING,
    defaults=_occlusion_defaults,
    parse=_occlusion_level,
    source="MolmoSpaces paper (arXiv 2602.11337): wrist or third-person camera occluded",
)

CAMERA_AXIS = Axis(
    name="cameras",
    title="level of the official evaluation cameras",
    unit="0-100",
    ordered=True,
    reference=lambda setup: "0",
    defaults=lambda setup: tuple(f"{level:g}" for level in LEVELS),
    parse=_camera_level,
    source="official camera system FrankaEval, levels 0 (calibrated) to 100",
)

LIGHT_AXIS = Axis(
    name="lighting",
    title="brightness of all light",
    unit="times",
    ordered=True,
    reference=lambda setup: "1",
    defaults=lambda setup: ("0.5", "0.75", "1", "1.5", "2"),
    parse=_light_level,
    source="MolmoSpaces paper (arXiv 2602.11337): light times 0.5 to 2",
    scale="log",
)
