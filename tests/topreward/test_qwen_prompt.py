"""Token ids, pixels and schedules, by hand and against the processor of transformers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings
from molmospaces_gym.rewards.qwen.pixels import fitted_size, patches, resized
from molmospaces_gym.rewards.qwen.prompt import Prompt, Stretch
from molmospaces_gym.rewards.qwen.schedule import group_times, paper_frames, paper_prefixes

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXT = (
    "The above video shows a robot manipulation trajectory that completes the following task:"
    " pick up the mug. Decide whether the above statement is True or not. The answer is:"
)


@pytest.mark.parametrize(("layout", "opening", "closing"), [("4.57", "", ""), ("5.10", "S", "E")])
def test_ids_of_both_layouts_written_out(model, tokenizer, layout, opening, closing):
    found = QwenModel(model.net, tokenizer, QwenSettings(layout=layout, fps=2.0)).whole_ids(
        [0, 1, 2], 2.0, (64, 96), "pick up the mug."
    )
    group = "<{} seconds>S" + 6 * "P" + "E"
    wanted = f"<|im_start|>user\n{opening}{group.format(0.2)}{group.format(1.0)}{closing}{TEXT}"
    marks = {"S": "<|vision_start|>", "E": "<|vision_end|>", "P": "<|video_pad|>"}
    head, tail = wanted[: wanted.index("The above")], wanted[wanted.index("The above") :]
    for mark, token in marks.items():
        head = head.replace(mark, token)
    assert tokenizer.decode(found) == head + tail
    assert found == tokenizer.encode(head + tail, add_special_tokens=False)


def test_answers_are_single_tokens_with_their_space(model, tokenizer):
    assert tokenizer.decode([model.prompt.true]) == " True"
    assert tokenizer.decode([model.prompt.false]) == " False"


def test_a_tokenizer_that_splits_the_answer_is_named():
    class Bytes:
        def encode(self, text, add_special_tokens):
            return list(text.encode())

    with pytest.raises(InvalidConfig, match="' True' into 5 tokens"):
        Prompt(Bytes())


def test_unknown_layout_is_named(tokenizer):
    with pytest.raises(InvalidConfig, match="4.57, 5.10"):
        Prompt(tokenizer, "5.9")


def test_positions_are_those_of_transformers(model):
    """get_rope_index lays out a header, two groups and a question."""
    if not hasattr(model.net.model, "get_vision_position_ids"):
        pytest.skip("get_rope_index takes other arguments before transformers 5")
    stretch = Stretch()
    stretch.text(model.prompt.header)
    for seconds in (0.1, 0.6):
        stretch.group(model.prompt, seconds, 2, 3)
    stretch.text(model.prompt.question("pick up the mug."))
    ids = torch.tensor([stretch.ids])
    theirs, _ = model.net.model.get_rope_index(
        ids, (ids == model.prompt.pad).int() * 2, video_grid_thw=torch.tensor([[2, 4, 6]])
    )
    assert np.array_equal(theirs[:, 0].numpy(), stretch.positions)


def test_patches_follow_blocks_channels_and_frames():
    """Every number of a patch row is the pixel that its place says."""
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3), dtype=np.uint8)
    rows = patches(frames, 16, 2).view(2, 2, 3, 2, 2, 3, 2, 16, 16)
    for where in (
        (0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 2, 1, 0, 2, 1, 15, 3),
        (1, 0, 1, 0, 1, 1, 0, 7, 9),
    ):
        group, block_y, block_x, y, x, channel, frame, row, column = where
        pixel = frames[
            2 * group + frame,
            32 * block_y + 16 * y + row,
            32 * block_x + 16 * x + column,
            channel,
        ]
        assert rows[where].item() == pytest.approx(pixel / 127.5 - 1, abs=1e-6)


def test_resized_keeps_what_fits_and_whole_levels():
    frames = np.full((2, 40, 60, 3), 200, np.uint8)
    assert resized(frames, (40, 60)) is frames
    smaller = resized(frames, (20, 30))
    assert smaller.shape == (2, 20, 30, 3) and (smaller == 200).all()
    sharp = np.zeros((1, 64, 64, 3), np.uint8)
    sharp[:, ::5] = 255
    assert resized(sharp, (32, 32)).dtype == np.uint8


@given(st.integers(2, 800), st.integers(16, 700), st.integers(16, 700))
def test_sizes_are_those_of_transformers(frames, height, width):
    module = pytest.importorskip("transformers.models.qwen3_vl.video_processing_qwen3_vl")
    theirs = module.smart_resize(
        frames, height, width, factor=32, min_pixels=4096, max_pixels=25165824
    )
    assert fitted_size(frames, height, width, 32) == theirs


def test_a_ribbon_is_refused():
    with pytest.raises(InvalidConfig, match="200 to 1"):
        fitted_size(2, 32, 32 * 201, 32)


def test_paper_sampling_sees_four_frames_of_most_prefixes():
    """Measured with transformers 4.57.1 and 5.23: N raw frames without metadata."""
    counts = {1: 1, 3: 3, 4: 4, 8: 4, 16: 4, 48: 4, 59: 4, 60: 5, 96: 8, 240: 20, 600: 50}
    assert {length: len(paper_frames(length)) for length in counts} == counts
    assert paper_frames(8) == [0, 2, 5, 7]


def test_paper_prefixes():
    assert paper_prefixes(100) == np.linspace(1, 100, 15, dtype=int).tolist()
    assert paper_prefixes(4) == [1, 2, 3, 4]
    for wrong in ((0, 15), (10, 0)):
        with pytest.raises(InvalidConfig, match="prefixes need"):
            paper_prefixes(*wrong)


@given(st.integers(1, 40), st.floats(0.5, 30.0))
def test_times_of_complete_groups_never_change(length, fps):
    """What is remembered of a prefix is a prefix of what is remembered later."""
    times = group_times(range(length), fps)
    assert len(times) == -(-length // 2)
    assert group_times(range(length + 1), fps)[: length // 2] == times[: length // 2]
    assert times[0] == pytest.approx(0.5 / fps if length > 1 else 0.0)


def test_paper_mode_asks_of_every_prefix(model, video):
    scores = model.score_paper(video, "pick up the mug.", prefixes=4)
    assert [score.frames for score in scores] == [1, 3, 4, 4]
    assert len({score.logp_true for score in scores}) == 4
