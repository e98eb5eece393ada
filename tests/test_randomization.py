"""Domain randomisation: ranges, seeds, replay, isolation, and what keeps its looks."""

import json

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode, UnknownBody
from molmospaces_gym.randomization import colors, dynamics, lighting, start
from molmospaces_gym.randomization.apply import dynamics_of, look_of
from molmospaces_gym.randomization.surfaces import surfaces_of
from molmospaces_gym.registration import TASKS
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.tasks import get_task
from molmospaces_gym.variations import PLAIN, Dynamics

ID = "molmospaces_gym/Pick-v1"
KINDS = {
    "randomize_lighting": True,
    "randomize_colors": True,
    "randomize_dynamics": True,
    "randomize_cameras": True,
    "randomize_robot_start": True,
}
SMALL = {"scene": "generated/train/0", "obs_mode": "rgb", "image_size": [64, 36], "horizon": 20}
SEEDS = st.integers(0, 2**32 - 1)


def make(name="Pick", **kwargs):
    return gym.make(f"molmospaces_gym/{name}-v1", **(SMALL | kwargs)).unwrapped


def same(first, second):
    return first.keys() == second.keys() and all(
        np.array_equal(first[key], second[key]) for key in first
    )


def rollout(env, steps=12):
    actions = np.random.default_rng(3).uniform(-1, 1, (steps, env.action_space.shape[0]))
    found = []
    for action in actions.astype(np.float32):
        observation, reward, *_ = env.step(action)
        found.append((observation, reward, env.world.data(0).qpos.copy()))
    return found


def assert_same_rollout(first, second):
    for (a, reward, qpos), (b, other, others) in zip(first, second, strict=True):
        assert same(a, b) and reward == other
        np.testing.assert_array_equal(qpos, others)


def model_bytes(model):
    found = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, found)
    return found


@pytest.fixture(scope="module")
def scene():
    return get_scene(resolve_house("generated/train/0"), get_robot("franka_droid"))


@pytest.fixture(scope="module")
def home():
    return get_scene(resolve_house("homes/train/0"), get_robot("franka_droid"))


@pytest.fixture(scope="module")
def episode(scene):
    return get_task("Pick").sample(scene, np.random.default_rng(0), None)


def test_off_draws_nothing_and_shares_the_model(scene):
    env = make()
    for seed in (0, 1):
        env.reset(seed=seed)
        rng = np.random.default_rng()
        rng.bit_generator.state = gym.utils.seeding.np_random(seed)[0].bit_generator.state
        rng.integers(1)  # the house
        expected = get_task("Pick").sample(scene, rng, None)
        assert env.episode.to_dict() == expected.to_dict()
        assert env.episode.randomization is None
        slot = env.world._slot(0)
        assert slot.model is env.scene.model and slot.own is None and slot.look is PLAIN
        assert "_randomizer" not in env._source.__dict__ or env._source._randomizer is None
    env.close()


@given(SEEDS)
def test_lights_stay_in_range(scene, seed):
    model = scene.model
    drawn = lighting.draw_lights(scene, np.random.default_rng(seed))
    assert len(drawn) == model.nlight and any(light.on for light in drawn)
    for number, light in enumerate(drawn):
        assert np.abs(light.pos - model.light_pos[number]).max() <= lighting.POSITION + 1e-4
        aim = np.array(light.dir) / np.linalg.norm(light.dir)
        cosine = float(aim @ model.light_dir[number])
        assert np.arccos(min(cosine, 1.0)) <= lighting.TURN + 1e-3
        for kind in ("diffuse", "ambient", "specular"):
            value, own = np.array(getattr(light, kind)), getattr(model, f"light_{kind}")[number]
            assert (value >= 0).all() and (value <= 1).all()
            assert np.abs(value - own).max() <= lighting.COLOUR + 1e-4


@given(SEEDS)
def test_colours_stay_in_range_and_textures_repeat_alike(home, seed):
    model = home.model
    spec = get_task("Pick").sample(home, np.random.default_rng(1), None)
    drawn = colors.draw_colors(home, spec, np.random.default_rng(seed))
    assert len(drawn.materials) > 20 and drawn.bodies
    textured = surfaces_of(home).textured
    plain = model.mat_rgba[~textured, :3]
    for name, given_ in drawn.materials.items():
        number = home.material_ids[name]
        rgb = np.array(given_.rgb)
        assert (rgb >= 0).all() and (rgb <= 1).all()
        bases = model.mat_rgba[[number], :3] if textured[number] else plain
        assert np.abs(bases - rgb).max(axis=1).min() <= colors.SHIFT + 1e-4
        if given_.texture is not None:
            other = home.material_ids[given_.texture]
            assert (
                textured[other]
                and (model.mat_texrepeat[other] == model.mat_texrepeat[number]).all()
            )
    assert max(abs(value) for shift in drawn.bodies.values() for value in shift) <= colors.SHIFT


@given(SEEDS)
def test_dynamics_stay_in_range(scene, seed):
    drawn = dynamics.draw_dynamics(scene, np.random.default_rng(seed))
    values = [v for row in (*drawn.bodies.values(), *drawn.joints.values()) for v in row]
    assert min(values) >= 0.8 and max(values) <= 1.2
    assert set(scene.free_joints) < set(drawn.bodies) and "robot_0/fr3_link3" in drawn.bodies
    assert len(drawn.joints) == 6  # the cabinets
    assert not any(name.startswith("robot_0/") for name in drawn.joints)


@given(SEEDS, st.sampled_from([True, "hard"]))
def test_starts_stay_in_range(scene, episode, seed, kind):
    joints = start.draw_start(scene, episode, kind, np.random.default_rng(seed))
    home = scene.robot.config.home
    noise = start.HARD if kind == "hard" else scene.robot.config.init_noise["arm"]
    assert (np.abs(np.subtract(joints["arm"], home["arm"])) <= np.array(noise) + 1e-9).all()
    low, high = scene.model.jnt_range[scene.robot.joints].T
    assert (joints["arm"] >= low).all() and (joints["arm"] <= high).all()
    assert joints["gripper"] == episode.robot.init_qpos["gripper"]


def test_hard_starts_use_their_whole_range(scene, episode):
    rng = np.random.default_rng(0)
    drawn = [start.draw_start(scene, episode, "hard", rng)["arm"] for _ in range(60)]
    spread = np.abs(np.array(drawn) - scene.robot.config.home["arm"]).max(axis=0)
    assert (spread > 0.7 * np.array(start.HARD)).all()


def test_a_seed_gives_the_same_episode_and_other_kinds_do_not_change_it():
    first, second, dark = make(**KINDS), make(**KINDS), make(randomize_dynamics=True)
    for seed in (3, None):
        for env in (first, second, dark):
            env.reset(seed=seed)
        assert first.episode.to_dict() == second.episode.to_dict()
    first.reset(seed=5)
    dark.reset(seed=5)
    assert first.episode.randomization.dynamics == dark.episode.randomization.dynamics
    assert dark.episode.randomization.lights is None
    first.reset(seed=6)
    assert first.episode.randomization.dynamics != dark.episode.randomization.dynamics
    for env in (first, second, dark):
        env.close()


@pytest.mark.parametrize("name", ["Pick", "Open"])
def test_a_saved_episode_replays_bit_for_bit(name, tmp_path):
    env, again = make(name, **KINDS), make(name)
    observation, _ = env.reset(seed=11)
    again.reset(seed=0)
    saved = json.loads(json.dumps(env.episode.to_dict()))
    replayed, _ = again.reset(seed=1, options={"episode": saved})
    assert same(observation, replayed)
    first, second = env.world.data(0), again.world.data(0)
    np.testing.assert_array_equal(first.qpos, second.qpos)
    own = [env.world._slot(0).model, again.world._slot(0).model]
    assert own[0] is not env.scene.model
    np.testing.assert_array_equal(model_bytes(own[0]), model_bytes(own[1]))
    assert_same_rollout(rollout(env), rollout(again))

    (tmp_path / "benchmark.json").write_text(json.dumps([saved]))
    played = make(name, scene=None, benchmark=str(tmp_path))
    before = played.np_random.bit_generator.state
    observation, _ = played.reset(options={"episode": 0})
    assert same(observation, replayed)
    assert played.np_random.bit_generator.state == before
    for each in (env, again, played):
        each.close()


def test_envs_do_not_affect_each_other_and_the_shared_model_stays(scene):
    before = model_bytes(scene.model)
    lone, plain = make(**KINDS), make()
    lone.reset(seed=4)
    plain.reset(seed=4)
    expected = rollout(lone), rollout(plain)
    first, second = make(**KINDS), make()
    first.reset(seed=4)
    second.reset(seed=4)
    assert first.scene.model is second.scene.model is scene.model
    found = [], []
    for action in np.random.default_rng(3).uniform(-1, 1, (12, 8)).astype(np.float32):
        for env, rows in zip((first, second), found, strict=True):
            observation, reward, *_ = env.step(action)
            rows.append((observation, reward, env.world.data(0).qpos.copy()))
    assert_same_rollout(expected[0], found[0])
    assert_same_rollout(expected[1], found[1])
    np.testing.assert_array_equal(model_bytes(scene.model), before)
    for env in (lone, plain, first, second):
        env.close()


def test_a_vector_env_plays_what_single_envs_play():
    envs = gym.make_vec(ID, num_envs=2, **SMALL, **KINDS)
    observations, _ = envs.reset(seed=[8, 9])
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 2, 8)).astype(np.float32)
    steps = [envs.step(action)[0] for action in actions]
    for slot, seed in enumerate((8, 9)):
        env = make(**KINDS)
        observation, _ = env.reset(seed=seed)
        assert same(observation, {key: value[slot] for key, value in observations.items()})
        for action, expected in zip(actions[:, slot], steps, strict=True):
            observation = env.step(action)[0]
            assert same(observation, {key: value[slot] for key, value in expected.items()})
        env.close()
    envs.close()


@pytest.mark.parametrize("kind", ["randomize_lighting", "randomize_colors"])
def test_pictures_differ_and_come_back(kind):
    env = make(**{kind: True})
    drawn, _ = env.reset(seed=2)
    other, _ = env.reset(seed=2, options={"episode": env.episode.replace(randomization=None)})
    for camera in ("exo_camera_1", "wrist_camera"):
        assert np.abs(drawn[camera].astype(int) - other[camera]).mean() > 2
    plain = make()
    expected, _ = plain.reset(seed=2, options={"episode": env.episode})
    assert same(other, expected)
    assert same(other, {**drawn, **{k: other[k] for k in ("exo_camera_1", "wrist_camera")}})
    env.close()
    plain.close()


def test_movable_objects_and_the_robot_keep_their_colours(scene, episode):
    drawn = colors.draw_colors(scene, episode, np.random.default_rng(0))
    from molmospaces_gym.randomization.spec import RandomizationSpec

    spec = episode.replace(randomization=RandomizationSpec(colors=drawn))
    changed = set(look_of(scene, spec).tints.geoms.tolist())
    loose = {scene.model.body_rootid[scene.body_id(name)] for name in scene.free_joints}
    loose.add(scene.robot.root_id)
    assert len(changed) > 50
    assert not {g for g in changed if scene.geom_root[g] in loose}


def test_what_an_instruction_names_keeps_its_colours():
    env = make("Open", randomize_colors=True)
    for seed in range(3):
        env.reset(seed=seed)
        scene, spec = env.scene, env.episode
        part = scene.articulations[spec.task["joint_name"]]
        kept = scene.subtree_geoms(int(scene.model.body_rootid[part.body])).tolist()
        category = scene.objects[scene.body_names[part.body]]["category"]
        for name, entry in scene.objects.items():
            if entry["category"] == category:
                kept += scene.subtree_geoms(scene.body_id(name)).tolist()
        changed = set(look_of(scene, spec).tints.geoms.tolist())
        assert changed and not changed & set(kept)
    env.close()


def test_colours_of_the_task_go_on_top(scene, episode):
    name = episode.task["pickup_obj_name"]
    task = {**episode.task, "object_colors": {name: [1.0, 0.0, 0.0, 1.0]}}
    look = look_of(scene, episode.replace(task=task))
    assert {rgb for _, rgb in look.paint} == {(1.0, 0.0, 0.0)} and not len(look.tints.geoms)


def test_given_episodes_keep_theirs_unless_asked(episode):
    env = make(**{**KINDS, "randomize_robot_start": "hard"})
    env.reset(seed=0, options={"episode": episode})
    assert env.episode is episode
    env.reset(seed=0, options={"episode": episode, "randomize": True})
    first = env.episode
    assert first.randomization.lights and first.cameras != episode.cameras
    assert first.robot.init_qpos["arm"] != episode.robot.init_qpos["arm"]
    assert first.task == episode.task
    env.reset(seed=0, options={"episode": episode, "randomize": True})
    assert env.episode.to_dict() == first.to_dict()
    state = {"qpos": env.world.data(0).qpos.tolist()}
    with pytest.raises(InvalidEpisode, match="state"):
        env.reset(options={"episode": {**episode.to_dict(), "state": state}, "randomize": True})
    env.close()


def test_dynamics_are_the_factors_times_the_models(scene, episode):
    from molmospaces_gym.randomization.spec import RandomizationSpec

    name = episode.task["pickup_obj_name"]
    body, joint = scene.body_id(name), next(iter(scene.articulations))
    part = {"bodies": {name: [1.5, 1.2, 0.5]}, "joints": {joint: [2.0, 3.0]}}
    spec = episode.replace(randomization=RandomizationSpec.model_validate({"dynamics": part}))
    world, model = MujocoWorld(), scene.model
    world.load(0, scene)
    world.vary(0, dynamics_of(scene, spec))
    own = world._slot(0).model
    assert own.body_mass[body] == 1.5 * model.body_mass[body]
    assert world.subtree_mass(0)[body] == pytest.approx(1.5 * model.body_subtreemass[body])
    np.testing.assert_array_equal(own.body_inertia[body], 1.2 * model.body_inertia[body])
    assert own.body_invweight0[body, 0] == pytest.approx(model.body_invweight0[body, 0] / 1.5)
    geoms = scene.subtree_geoms(body)
    np.testing.assert_array_equal(own.geom_friction[geoms], 0.5 * model.geom_friction[geoms])
    dof = model.jnt_dofadr[scene.joint_ids[joint]]
    assert own.dof_damping[dof] == 2 * model.dof_damping[dof]
    assert own.dof_frictionloss[dof] == 3 * model.dof_frictionloss[dof]
    others = np.delete(np.arange(model.nbody), body)
    np.testing.assert_array_equal(own.body_mass[others], model.body_mass[others])
    assert own.stat.extent == model.stat.extent
    world.load(0, scene)
    assert world._slot(0).model is model
    assert world.subtree_mass(0)[body] == model.body_subtreemass[body]
    world.vary(0, Dynamics({}))
    np.testing.assert_array_equal(model_bytes(world._slot(0).model), model_bytes(model))
    world.close()


def test_dynamics_change_what_happens():
    env, plain = make(randomize_dynamics=True), make()
    env.reset(seed=1)
    plain.reset(options={"episode": env.episode.replace(randomization=None)})
    ends = [rollout(each)[-1][2] for each in (env, plain)]
    assert np.abs(ends[0] - ends[1]).max() > 1e-6
    env.close()
    plain.close()


@pytest.mark.parametrize("elsewhere", ["generated/train/0", "generated/train/1"])
def test_after_a_bad_episode_the_last_one_goes_on(episode, elsewhere):
    """It once went on in the other scene, or without its looks and dynamics."""
    env, undisturbed = make(**KINDS), make(**KINDS)
    for each in (env, undisturbed):
        each.reset(seed=7)
    task = {**episode.task, "pickup_obj_name": "ghost"}
    with pytest.raises(UnknownBody, match="ghost"):
        bad = episode.replace(task=task, scene=elsewhere)
        if elsewhere != episode.scene:
            bad = bad.replace(scene_modifications=bad.scene_modifications.replace(object_poses={}))
        env.reset(options={"episode": bad})
    assert_same_rollout(rollout(env), rollout(undisturbed))
    env.close()
    undisturbed.close()


TASK_NAMES = [name for name in TASKS if name != "MultiTask"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_task_takes_all_kinds_and_replays(name):
    env = gym.make(f"molmospaces_gym/{name}-v1", houses=1, **KINDS).unwrapped
    again = gym.make(f"molmospaces_gym/{name}-v1", houses=1).unwrapped
    env.reset(seed=1)
    drawn = env.episode.randomization
    assert drawn.lights and drawn.colors.materials and drawn.dynamics.bodies
    again.reset(seed=2, options={"episode": json.loads(json.dumps(env.episode.to_dict()))})
    assert env.session.cameras == again.session.cameras
    assert_same_rollout(rollout(env, 4), rollout(again, 4))
    env.close()
    again.close()


BAD_PARTS = [
    ({"lights": []}, InvalidEpisode, "lights"),
    ({"colors": {"materials": {"velvet": {"rgb": [0, 0, 0]}}}}, UnknownBody, "velvet"),
    ({"colors": {"materials": {"wall": {"rgb": [0, 0, 2]}}}}, InvalidEpisode, "0..1"),
    ({"colors": {"bodies": {"ghost": [0, 0, 0]}}}, UnknownBody, "ghost"),
    ({"colors": {"kept": ["ghost"]}}, UnknownBody, "ghost"),
    ({"dynamics": {"bodies": {"room_0": [1, 0, 1]}}}, InvalidEpisode, "above"),
    ({"dynamics": {"joints": {"ghost": [1, 1]}}}, UnknownBody, "ghost"),
    ({"dynamics": {"joints": {"ghost": [1]}}}, InvalidEpisode, "2 factors"),
    ({"dynamics": {"bodies": {"room_0": [1, 1]}}}, InvalidEpisode, "randomization"),
]


@pytest.mark.parametrize(("part", "error", "message"), BAD_PARTS)
def test_bad_parts_are_named_and_leave_the_env_usable(episode, part, error, message):
    env = make(obs_mode="state")
    env.reset(seed=0)
    before = env.world.data(0).qpos.copy()
    with pytest.raises(error, match=message):
        env.reset(options={"episode": {**episode.to_dict(), "randomization": part}})
    np.testing.assert_array_equal(env.world.data(0).qpos, before)
    env.step(env.action_space.sample())
    env.close()


@pytest.mark.parametrize(
    "kwargs",
    [
        {"randomize_lighting": 1},
        {"randomize_colors": "yes"},
        {"randomize_robot_start": "soft"},
        {"randomize_robot_start": 0},
        {"randomize_cameras": 101},
        {"randomize_cameras": -1},
        {"randomize_cameras": None},
    ],
)
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(InvalidConfig, match=next(iter(kwargs))):
        make(**kwargs)
