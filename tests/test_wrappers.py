"""Wrappers: shapes, sums, histories, instructions, held success, rebuilding from the spec."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidAction, InvalidConfig, MolmoSpacesError, UnknownName
from molmospaces_gym.wrappers import (
    ActionChunk,
    FrameHistory,
    HashedInstruction,
    InstructionEmbedding,
    SuccessHold,
)
from molmospaces_gym.wrappers.instruction import hash_tokens

ID = "molmospaces_gym/Pick-v1"


def make(**kwargs):
    return gym.make(ID, houses=1, **({"horizon": 20} | kwargs))


class Scripted(gym.Env):
    """Succeeds on the steps it is told to; stands in for nothing but the success signal."""

    observation_space = gym.spaces.Dict({"x": gym.spaces.Box(-1, 1, (1,), np.float32)})
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, pattern):
        self.pattern = pattern

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return {"x": np.zeros(1, np.float32)}, {"is_success": False, "instruction": "go"}

    def step(self, action):
        success = self.pattern[self.at]
        self.at += 1
        observation = {"x": np.full(1, self.at / 10, np.float32)}
        info = {"is_success": success, "instruction": "go", "reward/a": 1.0}
        return observation, 1.0, False, self.at == len(self.pattern), info


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: ActionChunk(env, 4, 2),
        lambda env: FrameHistory(env, 3),
        lambda env: HashedInstruction(env, 6, 100),
        lambda env: SuccessHold(env, 1),
    ],
)
def test_wrapped_envs_conform_and_rebuild_from_their_spec(wrap):
    env = wrap(make())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        check_env(env, skip_render_check=True)
    again = gym.make(env.spec)
    assert again.observation_space == env.observation_space
    assert again.action_space == env.action_space
    env.close(), again.close()


def test_a_chunk_equals_its_steps():
    single, chunked = make(), ActionChunk(make(), 4, 3)
    single.reset(seed=1), chunked.reset(seed=1)
    chunked.action_space.seed(0)
    chunk = chunked.action_space.sample()
    observation, reward, _, _, info = chunked.step(chunk)
    steps = [single.step(part) for part in chunk.reshape(4, 8)[:3]]
    assert reward == pytest.approx(sum(step[1] for step in steps))
    assert all(np.array_equal(observation[k], v) for k, v in steps[-1][0].items())
    reach = sum(step[4]["reward/reach"] for step in steps)
    assert info["reward/reach"] == pytest.approx(reach)
    assert info["chunk_steps"] == 3


def test_a_chunk_stops_at_the_end_and_reports_a_success_inside_it():
    env = ActionChunk(Scripted([False, True, False]), 8)
    env.reset()
    _, reward, _, truncated, info = env.step(np.zeros(16, np.float32))
    assert (reward, truncated, info["chunk_steps"]) == (3.0, True, 3)
    assert info["success_once"] and not info["is_success"]
    assert info["reward/a"] == 3.0


def test_chunk_misuse_is_named():
    with pytest.raises(InvalidConfig, match="execute"):
        ActionChunk(Scripted([False]), 2, 3)
    env = ActionChunk(Scripted([False]), 2)
    env.reset()
    with pytest.raises(InvalidAction, match="shape"):
        env.step(np.zeros(2, np.float32))


def test_history_is_oldest_first_and_starts_full():
    env = FrameHistory(Scripted([False] * 3), 2)
    observation, _ = env.reset()
    np.testing.assert_array_equal(observation["x"], [0, 0])
    env.step(None)
    observation, *_ = env.step(None)
    np.testing.assert_allclose(observation["x"], [0.1, 0.2])
    observation, _ = env.reset()
    np.testing.assert_array_equal(observation["x"], [0, 0])


def test_image_history_stacks_channels():
    env = FrameHistory(make(obs_mode="rgb", image_size=[40, 36]), 3, keys=["wrist_camera"])
    observation, _ = env.reset(seed=0)
    assert observation["wrist_camera"].shape == (36, 40, 9)
    assert observation["exo_camera_1"].shape == (36, 40, 3)
    assert env.observation_space.contains(observation)
    with pytest.raises(UnknownName, match="exo_camera_1"):
        FrameHistory(env, 2, keys=["camera_9"])


@given(st.text(), st.integers(1, 20), st.integers(2, 5000))
def test_tokens_are_in_range_and_ignore_case_and_marks(text, length, vocabulary):
    tokens = hash_tokens(text, length, vocabulary)
    assert tokens.shape == (length,) and (tokens >= 0).all() and (tokens < vocabulary).all()
    ascii_text = text.encode("ascii", "ignore").decode()
    shouted = hash_tokens(f"{ascii_text.upper()}!", length, vocabulary)
    np.testing.assert_array_equal(hash_tokens(ascii_text, length, vocabulary), shouted)


def test_tokens_tell_instructions_apart_and_are_stable():
    first = hash_tokens("pick up the red mug.", 8, 4096)
    assert first[0] == 3217 or first[0] > 0
    assert not np.array_equal(first, hash_tokens("pick up the blue mug.", 8, 4096))
    assert (first[:5] > 0).all() and (first[5:] == 0).all()


def test_instruction_tokens_follow_the_episode():
    env = HashedInstruction(make())
    observation, info = env.reset(seed=3)
    np.testing.assert_array_equal(
        observation["instruction_tokens"], hash_tokens(info["instruction"], 16, 4096)
    )
    stepped = env.step(env.action_space.sample())[0]
    np.testing.assert_array_equal(stepped["instruction_tokens"], observation["instruction_tokens"])
    assert not np.shares_memory(stepped["instruction_tokens"], observation["instruction_tokens"])


def test_missing_sentence_model_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MolmoSpacesError, match="transformers|folder"):
        InstructionEmbedding(Scripted([False]), model="no/such-model")


@pytest.fixture(scope="module")
def tiny_sentence_model(tmp_path_factory):
    """A BERT of a few thousand random weights with a word vocabulary, in a local folder."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "pick", "up", "the", "mug", "pear", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def test_embeddings_are_unit_vectors_of_the_instruction(tiny_sentence_model):
    env = InstructionEmbedding(make(), model=tiny_sentence_model)
    observation, _ = env.reset(seed=0)
    embedding = observation["instruction_embedding"]
    assert embedding.shape == (16,) and embedding.dtype == np.float32
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
    assert env.observation_space.contains(observation)
    np.testing.assert_array_equal(env.encode("pick up the mug."), env.encode("pick up the mug."))
    assert not np.allclose(env.encode("pick up the mug."), env.encode("pick up the pear."))
    env.close()


def test_success_must_hold():
    env = SuccessHold(Scripted([True, True, False, True, True, True, True]), 3)
    env.reset()
    results = [env.step(None) for _ in range(6)]
    assert [r[4]["is_success"] for r in results] == [False] * 5 + [True]
    assert [r[4]["is_success_now"] for r in results] == [True, True, False, True, True, True]
    assert [r[2] for r in results] == [False] * 5 + [True]


def test_holding_needs_an_env_that_goes_on():
    with pytest.raises(InvalidConfig, match="terminate_on_success"):
        SuccessHold(make(), 5)
    SuccessHold(make(terminate_on_success=False), 5).close()
