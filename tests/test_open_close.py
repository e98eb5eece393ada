"""Open and Close: the official rule on both sides of each threshold, starts, rewards, sampling."""

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, InvalidScene, UnknownBody
from molmospaces_gym.policies.base import bind_policy, load_policy
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.clearance import Clearance
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.scenes.stances import stances
from molmospaces_gym.tasks import task_of
from molmospaces_gym.tasks.open_close import CloseTask, OpenTask

ROOM = """
<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.002"/>
  <default>
    <default class="slide"><joint type="slide" damping="8" frictionloss="3"/></default>
    <default class="swing"><joint damping="0.6" frictionloss="0.3" armature="0.01"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="4 4 0.1"/>
    <body name="dresser" pos="2 0 0.3">
      <geom type="box" size="0.02 0.4 0.3" pos="0.3 0 0"/>
      <body name="top" pos="0 0 0.2">
        <joint name="top_slide" class="slide" axis="-1 0 0" range="0 0.4"/>
        <geom type="box" size="0.2 0.35 0.08"/></body>
      <body name="bottom" pos="0 0 0">
        <joint name="bottom_slide" class="slide" axis="1 0 0" range="-0.2 0"/>
        <geom type="box" size="0.2 0.35 0.08"/></body>
    </body>
    <body name="fridge" pos="-2 0 0.5">
      <geom type="box" size="0.02 0.4 0.3" pos="-0.3 0 0"/>
      <body name="door" pos="0 0.4 0">
        <joint name="door_hinge" class="swing" axis="0 0 1" range="0 2"/>
        <geom type="box" size="0.02 0.38 0.3" pos="0 -0.4 0"/></body>
    </body>
    <body name="crate" pos="0 2 0.5"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
  </worldbody>
</mujoco>
"""
META = '{"objects": {"dresser": {"category": "Dresser"}, "fridge": {"category": "Fridge"}}}'


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("room")
    (folder / "room.xml").write_text(ROOM)
    (folder / "room_metadata.json").write_text(META)
    return str(folder / "room.xml")


def make(task, scene=None, **kwargs):
    given = {"scene": scene} if scene else {"houses": 3, "split": "val"}
    options = {"terminate_on_success": False, "disable_env_checker": True}
    return gym.make(f"molmospaces_gym/{task}-v1", **(given | options | kwargs))


def judged(task, scene, joints, **kwargs):
    """The state of a task whose scene has these joint positions, seen without any physics."""
    fields = kwargs.pop("fields", {})
    env = make(task, scene, **kwargs)
    env.reset(options={"episode": {"task": fields}})
    inner = env.unwrapped
    for name, position in joints.items():
        inner.world.joint_pos(0)[inner.scene.articulations[name].qpos] = position
    inner.session.finish()
    state, reward = inner.session.state, inner.session.reward
    env.close()
    return state, reward


DRESSER = {"pickup_obj_name": "dresser", "joint_name": "top_slide"}
FRIDGE = {"pickup_obj_name": "fridge", "joint_name": "door_hinge"}


@pytest.mark.parametrize(
    ("fields", "joints", "success"),
    [
        (DRESSER, {"top_slide": 0.059}, False),  # 14.75 % of 0.4 m
        (DRESSER, {"top_slide": 0.061}, True),
        (DRESSER, {"bottom_slide": -0.029}, False),
        (DRESSER, {"bottom_slide": -0.031}, True),  # another joint, which opens backwards
        (DRESSER, {"door_hinge": 2.0}, False),  # another object
        (DRESSER | {"joint_index": 1, "joint_name": "gone"}, {"top_slide": 0.061}, True),
        (FRIDGE, {"door_hinge": 0.29}, False),  # 14.5 % of 2 rad
        (FRIDGE, {"door_hinge": 0.31}, True),
        (FRIDGE | {"task_success_threshold": 0.5}, {"door_hinge": 0.99}, False),
        (FRIDGE | {"task_success_threshold": 0.5}, {"door_hinge": 1.01}, True),
        (FRIDGE | {"task_type": "close"}, {"door_hinge": 1.9}, True),  # the env says what is played
    ],
)
def test_open_on_both_sides_of_the_threshold(room, fields, joints, success):
    assert judged("Open", room, joints, fields=fields)[0].success is success


@pytest.mark.parametrize(
    ("fields", "joints", "success"),
    [
        (DRESSER, {"top_slide": 0.061}, False),  # 84.75 % closed
        (DRESSER, {"top_slide": 0.059}, True),
        (DRESSER, {"top_slide": 0.0, "bottom_slide": -0.2}, True),  # only the named joint counts
        (DRESSER | {"joint_name": "bottom_slide"}, {"bottom_slide": -0.031}, False),
        (DRESSER | {"joint_name": "bottom_slide"}, {"bottom_slide": -0.029}, True),
        ({"pickup_obj_name": "dresser", "joint_index": 1}, {"bottom_slide": -0.1}, False),
        (FRIDGE | {"task_success_threshold": 0.4}, {"door_hinge": 1.21}, False),
        (FRIDGE | {"task_success_threshold": 0.4}, {"door_hinge": 1.19}, True),
        (FRIDGE | {"task_type": "open"}, {"door_hinge": 1.9}, False),
    ],
)
def test_close_on_both_sides_of_the_threshold(room, fields, joints, success):
    assert judged("Close", room, joints, fields=fields)[0].success is success


def test_any_instance_of_the_category_counts_when_asked(tmp_path):
    (tmp_path / "room.xml").write_text(ROOM)
    (tmp_path / "room_metadata.json").write_text(META.replace("Fridge", "Dresser"))
    scene, opened = str(tmp_path / "room.xml"), {"door_hinge": 1.0}
    for asked in (True, False):
        fields = DRESSER | {"any_inst_of_category": asked}
        assert judged("Open", scene, opened, fields=fields)[0].success is asked


@pytest.mark.parametrize(("rule", "success"), [("official", False), ("paper", True)])
def test_the_paper_fixes_the_thresholds(room, rule, success):
    fields = FRIDGE | {"task_success_threshold": 0.5}
    state, _ = judged("Open", room, {"door_hinge": 0.4}, fields=fields, success_rule=rule)
    assert state.success is success


def test_a_door_that_swings_back_loses_success(room):
    env = make("Open", room)
    env.reset(options={"episode": {"task": FRIDGE}})
    inner = env.unwrapped
    address = inner.scene.articulations["door_hinge"].qpos
    rewards = []
    for position in (1.0, 0.1):
        inner.world.joint_pos(0)[address] = position
        inner.session.finish()
        rewards.append(inner.session.reward)
    assert inner.session.info["is_success"] is False
    assert rewards[0] > 10 and rewards[1] < -10


@pytest.mark.parametrize(("task", "value"), [("Open", 0.25), ("Close", 0.75)])
def test_the_official_reward_is_the_share(room, task, value):
    state, reward = judged(task, room, {"door_hinge": 0.5}, fields=FRIDGE, reward_mode="official")
    assert reward == pytest.approx(value) and state.quantities["value"] == pytest.approx(value)


@pytest.mark.parametrize("given", [0.1, [0.1], [0.1, 7.0]])
def test_starts_with_the_joint_where_the_episode_has_it(room, given):
    env = make("Close", room)
    env.reset(options={"episode": {"task": DRESSER | {"joint_start_position": given}}})
    inner = env.unwrapped
    qpos = inner.world.joint_pos(0)
    assert qpos[inner.scene.articulations["top_slide"].qpos] == 0.1
    assert qpos[inner.scene.articulations["bottom_slide"].qpos] == 0.0


@pytest.mark.parametrize(("task", "fraction"), [("Open", 0.0), ("Close", 0.5)])
def test_official_start_fractions_of_negative_ranges(room, task, fraction):
    env = make(task, room)
    env.reset(options={"episode": {"task": DRESSER | {"joint_name": "bottom_slide"}}})
    inner = env.unwrapped
    position = inner.world.joint_pos(0)[inner.scene.articulations["bottom_slide"].qpos]
    assert position == pytest.approx(-0.2 * fraction)


def test_what_sleeps_wakes_when_it_is_pushed():
    env = make("Close", houses=1)
    env.reset(seed=0)
    inner = env.unwrapped
    part = inner.scene.articulations[inner.episode.task["joint_name"]]
    hold = np.zeros(8, np.float32)
    for _ in range(15):
        env.step(hold)
    data = inner.world.data(0)
    tree = inner.scene.model.body_treeid[part.body]
    assert data.tree_asleep[tree] >= 0  # it has fallen asleep half open
    assert data.qpos[part.qpos] == pytest.approx(part.position(0.5), abs=2e-3)
    data.qfrc_applied[part.dof] = -30.0 * part.sign
    for _ in range(30):
        env.step(hold)
    assert env.unwrapped.session.state.success


def test_episodes_that_name_nothing_that_opens_are_refused(room):
    for fields, error in (
        ({}, InvalidEpisode),
        ({"pickup_obj_name": "crate"}, InvalidEpisode),
        ({"pickup_obj_name": "sofa"}, UnknownBody),
        (DRESSER | {"joint_name": "gone", "joint_index": 2}, InvalidEpisode),
        (DRESSER | {"task_success_threshold": 0.0}, InvalidEpisode),
    ):
        with pytest.raises(error):
            make("Open", room).reset(options={"episode": {"task": fields}})


def test_official_episodes_of_the_class_play(room):
    """Fields as the official schema has them; ``task_type`` tells closing from opening."""
    env = make("Close", room)
    env.reset(options={"episode": {"task": DRESSER}})
    plain = env.unwrapped.episode.to_dict()
    assert plain["task"]["task_cls"] == "molmo_spaces.tasks.opening_tasks.OpeningTask"
    assert task_of(plain["task"]) == "Close"
    assert task_of(plain["task"] | {"task_type": "open"}) == "Open"
    env.reset(options={"episode": EpisodeSpec.parse(plain)})
    assert env.unwrapped.session.state.quantities["joint_position"] == pytest.approx(0.5)


@pytest.mark.parametrize("task", [OpenTask(), CloseTask()])
def test_sampled_starts_are_clear_and_reachable(task):
    scene = get_scene(resolve_house("generated/val/1"), get_robot("franka_droid"))
    rng, kinds = np.random.default_rng(0), set()
    for _ in range(12):
        spec = task.sample(scene, rng, None)
        fields = spec.task
        part = scene.articulations[fields["joint_name"]]
        qpos = scene.rest_qpos.copy()
        qpos[part.qpos] = fields["joint_start_position"][0]
        arm = np.array(spec.robot.init_qpos["arm"])
        assert Clearance(scene, qpos).is_free(tuple(fields["robot_base_pose"]), arm, 0.0)
        assert spec.instruction.startswith(f"{task.name.lower()} the ")
        kinds.add(spec.instruction)
    assert len(kinds) >= 4


def test_the_shoulder_camera_sees_what_is_opened():
    env = make("Open", houses=4, split="val").unwrapped
    for seed in range(12):
        env.reset(seed=seed)
        session, model = env.session, env.scene.model
        pose = session.camera_pose("exo_camera_1")
        seen = env.world.render(0, pose, (640, 368), ("segmentation",))["segmentation"]
        part = env.scene.subtree_geoms(env.scene.body_id(env.episode.task["pickup_obj_name"]))
        share = np.isin(seen, np.unique(model.geom_bodyid[part])).mean()
        assert share > 0.0008, "the official 0.001, counted in a smaller picture"


def test_parts_are_named_so_that_one_is_meant():
    scene = get_scene(resolve_house("generated/val/0"), get_robot("franka_droid"))
    rng = np.random.default_rng(0)
    named = {s.task["joint_name"]: s.instruction for s in (
        OpenTask().sample(scene, rng, None) for _ in range(60)
    )}  # fmt: skip
    assert len(set(named.values())) == len(named) >= 5


def test_stances_are_found_once_and_for_this_part(room):
    scene = get_scene(resolve_house("generated/val/0"), get_robot("franka_droid"))
    part = next(iter(scene.articulations.values()))
    found = stances(scene, part, 0.0, part.position(0.3))
    assert found and found is stances(scene, part, 0.0, part.position(0.3))


def test_categories_choose_what_is_opened():
    env = make("Open", houses=1, categories=["drawer"])
    for seed in range(4):
        env.reset(seed=seed)
        assert "drawer" in env.unwrapped.episode.instruction
    with pytest.raises(InvalidScene, match="Unicorn"):
        make("Open", houses=1, categories=["Unicorn"]).reset(seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["Open", "Close"])
def test_dense_return_ranks_expert_half_done_idle_and_harmful(task):
    """Played once by the expert; half-done and harmful are its joint moved part of the way."""
    returns = {}
    env = make(task, houses=2, action_mode="joint_position")
    policy = load_policy("expert")
    bind_policy(policy, env)
    for name in ("expert", "half", "idle", "harm"):
        obs, info = env.reset(seed=2)
        policy.reset(info["instruction"], 2)
        inner, total = env.unwrapped, 0.0
        part = inner.scene.articulations[inner.episode.task["joint_name"]]
        start = float(inner.world.joint_pos(0)[part.qpos])
        for step in range(150):
            hold = inner.session.action_mapper.encode(inner.session.ctrl, inner.session.ctrl)
            action = policy.predict(obs)[0] if name == "expert" else hold.astype(np.float32)
            if name in ("half", "harm") and step == 10:
                goal = {"Open": {"half": 0.08, "harm": 0.0}, "Close": {"half": 0.3, "harm": 0.8}}
                inner.world.joint_pos(0)[part.qpos] = part.position(goal[task][name])
            if name == "harm" and step < 40:
                action[1] = -1.0  # lean back, away from everything
            obs, reward, *_ = env.step(action)
            total += reward
        returns[name] = total
        assert start == pytest.approx(part.position(0.0 if task == "Open" else 0.5))
    assert returns["expert"] > 10 > returns["half"] > 0.5 > abs(returns["idle"]), returns
    assert returns["harm"] < -0.2, returns


@pytest.mark.slow
@pytest.mark.parametrize("task", ["Open", "Close"])
def test_the_expert_opens_and_closes(task):
    env = make(task, houses=2, action_mode="joint_position")
    policy = load_policy("expert")
    bind_policy(policy, env)
    for seed in (0, 1):
        obs, info = env.reset(seed=seed)
        policy.reset(info["instruction"], seed)
        over = False
        while not over:
            action, _ = policy.predict(obs)
            obs, _, terminated, over, info = env.step(action)
        assert info["is_success"], info["instruction"]
