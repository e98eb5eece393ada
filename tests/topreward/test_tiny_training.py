"""Data, examples and a few steps of training of the bundled model, in small."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.qwen.compat import video_features
from molmospaces_gym.rewards.qwen.fast_vision import fast_vision
from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings
from molmospaces_gym.rewards.tiny.attempts import attempt_clips, merit_progress
from molmospaces_gym.rewards.tiny.average import average
from molmospaces_gym.rewards.tiny.dataset import Clips, collect, load_clips
from molmospaces_gym.rewards.tiny.examples import FPS, Sampler, idle_targets, make_batch
from molmospaces_gym.rewards.tiny.faults import STRAY, wandering
from molmospaces_gym.rewards.tiny.hints import make_hints
from molmospaces_gym.rewards.tiny.instructions import Wrong, parts
from molmospaces_gym.rewards.tiny.measure import auc, episodes_of
from molmospaces_gym.rewards.tiny.network import Size, make_network, make_tokenizer
from molmospaces_gym.rewards.tiny.rollouts import BEFORE_SUCCESS, CAMERAS, Take
from molmospaces_gym.rewards.tiny.train import Recipe, joined_views, save, train

torch = pytest.importorskip("torch")

KNOWN = [
    ("Pick", "pick up the mug."),
    ("Pick", "pick up the pear."),
    ("PickAndPlace", "pick up the mug and place it on the plate."),
    ("PickAndPlace", "pick up the pear and place it on the black plate."),
    ("PickAndPlace", "pick up the fork and place it on the bowl."),
    ("Open", "open the left drawer."),
    ("Open", "open the right drawer."),
]


@pytest.fixture(scope="module")
def clips():
    """One real house with two episodes, each with a fault."""
    return collect("Pick", "train", [0], seeds=2, branches=1)


@pytest.fixture(scope="module")
def views(clips):
    return joined_views(clips, CAMERAS)


def test_progress_is_causal_and_full_only_at_success(clips):
    kinds = [about["kind"] for about in clips.about]
    assert kinds.count("expert") == 2 and len(kinds) >= 4
    for index, about in enumerate(clips.about):
        progress = clips.progress[index]
        assert len(progress) == len(clips.rows[index])
        assert progress[0] == 0.0 and progress.min() >= 0
        assert (progress[-1] == 1.0) == about["success"]
        if about["kind"] == "expert":
            assert about["success"] and (np.diff(progress) >= 0).all()
            assert set(progress[progress > 0.6]) == {1.0}


def test_who_strays_or_explores_is_judged_by_where_it_is(clips):
    for kind, count in (("stray", 1), ("explore", 2)):
        found = [
            p for p, about in zip(clips.progress, clips.about, strict=True) if about["kind"] == kind
        ]
        assert len(found) == count
        assert max(progress.max() for progress in found) > 0.05, "the way is never left for good"
        assert any((np.diff(progress) < 0).any() for progress in found), "it never went back"


@given(st.integers(0, 2**32 - 1))
def test_a_wandering_hand_stays_near_and_never_jumps(seed):
    steps = list(islice(wandering(np.random.default_rng(seed)), 200))
    offsets = np.stack([offset for offset, _ in steps])
    sideways, upwards, speed = STRAY
    moves = np.diff(offsets, axis=0, prepend=np.zeros((1, 3)))
    assert np.linalg.norm(moves, axis=1).max() <= speed + 1e-12
    assert np.abs(offsets[:, :2]).max() <= sideways and offsets[:, 2].max() <= upwards
    assert {grip for _, grip in steps} <= {-1.0, 1.0}


def test_shared_frames_are_stored_once(clips):
    assert len(clips.frames) < sum(len(rows) for rows in clips.rows)
    expert, branch = clips.rows[0], clips.rows[1]
    common = np.intersect1d(expert, branch)
    assert common.tolist() == expert[: len(common)].tolist() == branch[: len(common)].tolist()


def test_collecting_again_gives_the_same(clips):
    again = collect("Pick", "train", [0], seeds=2, branches=1)
    assert np.array_equal(again.frames, clips.frames)
    assert again.about == clips.about
    assert all(np.array_equal(a, b) for a, b in zip(again.progress, clips.progress, strict=True))


def test_files_hold_the_clips(clips, tmp_path):
    clips.save(tmp_path / "a.npz")
    both = load_clips([tmp_path / "a.npz"] * 2)
    assert len(both) == 2 * len(clips)
    last = both.frames[both.rows[-1]]
    assert np.array_equal(last, clips.frames[clips.rows[-1]])
    (tmp_path / "b.npz").write_bytes(b"nothing")
    for name in ("b.npz", "c.npz"):
        with pytest.raises(InvalidConfig, match="holds no clips"):
            load_clips([tmp_path / name])


def test_questions_of_one_pass_have_the_scores_of_inference(net, tokenizer, views):
    model = QwenModel(net, tokenizer, QwenSettings(fps=FPS))
    known = [(about["task"], about["instruction"]) for about in views.about] + KNOWN
    sampler = Sampler(views, Wrong(known), np.random.default_rng(0), questions=6)
    videos = [sampler.draw(9) for _ in range(4)]
    batch = make_batch(videos, model.prompt, 16, 2)
    with torch.no_grad():
        features, deep = video_features(net, batch.rows, batch.grids)
        embeddings = net.get_input_embeddings()(batch.ids)
        visual = batch.ids == model.prompt.pad
        spread = visual.unsqueeze(-1).expand_as(embeddings)
        hidden = net.model.language_model(
            inputs_embeds=embeddings.masked_scatter(spread, features),
            position_ids=batch.positions,
            attention_mask=batch.mask,
            use_cache=False,
            visual_pos_masks=visual,
            deepstack_visual_embeds=deep,
        ).last_hidden_state
        found = model.answers(hidden[batch.ends[:, 0], batch.ends[:, 1]])
    answers = iter(found)
    lone = 0
    for video in videos:
        for groups, extra, text, _ in video.questions:
            frames = video.frames[: 2 * groups]
            if extra is not None:
                frames, lone = np.concatenate([frames, extra[None]]), lone + 1
            score = model.score_video(frames, text)
            assert next(answers)[0] == pytest.approx(score.logp_true, abs=1e-5)
    assert lone > 0


def test_the_fast_tower_is_the_tower_of_transformers(net, video):
    from molmospaces_gym.rewards.qwen.pixels import patches

    rows, grids = patches(video[:8], 16, 2), torch.tensor([[4, 4, 6]])
    plain, deep = video_features(net, rows, grids)
    with fast_vision(net, 24):
        fast, fast_deep = video_features(net, rows, grids)
    assert (plain - fast).abs().max() < 1e-5
    assert all((a - b).abs().max() < 1e-5 for a, b in zip(deep, fast_deep, strict=True))
    again, _ = video_features(net, rows, grids)
    assert torch.equal(plain, again)


def test_the_fast_tower_is_that_of_one_thread(net, video):
    from molmospaces_gym.rewards.qwen.pixels import patches

    rows, grids = patches(video[:8], 16, 2), torch.tensor([[4, 4, 6]])
    plain, _ = video_features(net, rows, grids)
    with ThreadPoolExecutor(1) as pool, fast_vision(net, 12):  # half of each group
        other, _ = pool.submit(video_features, net, rows, grids).result()
        own, _ = video_features(net, rows, grids)
    assert torch.equal(plain, other)
    assert not torch.allclose(plain, own, atol=1e-3)


def test_idle_targets_fall():
    targets = idle_targets(30)
    assert (np.diff(targets[:18]) < 0).all() and targets[-1] == pytest.approx(0.005)


def test_wrong_instructions_are_wrong():
    wrong = Wrong(KNOWN)
    rng = np.random.default_rng(0)
    for task, text in KNOWN:
        thing, place = parts(text)
        for _ in range(50):
            for found in (wrong.other_object(task, text, rng), wrong.other_task(task, text, rng)):
                assert parts(found)[0] != thing
            drawn = wrong.draw(task, text, rng)
            assert parts(drawn)[0] != thing or parts(drawn)[1].split()[-1] != place.split()[-1]
    assert parts("open the left drawer.") == ("left drawer", "")


def test_a_few_steps_of_training_make_a_model_that_loads(clips, views, tmp_path):
    net, tokenizer = train(views, Recipe(steps=3, videos=2, vision_steps=2))
    save(net, tokenizer, tmp_path)
    model = QwenModel.load(str(tmp_path))
    assert model.cameras == CAMERAS and model.fps == FPS
    score = model.score_video(views.frames[views.rows[0]][:5], "pick up the pear.")
    assert score.logp_true < 0 and np.isfinite(score.margin)
    again, _ = train(views, Recipe(steps=3, videos=2, vision_steps=2))
    for (name, a), (_, b) in zip(net.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(a.half(), b.half()), name


def test_training_goes_on_from_a_folder(views, tmp_path):
    first = train(views, Recipe(steps=2, videos=2, vision_steps=1))
    save(*first, tmp_path)
    recipe = Recipe(steps=2, videos=2, rate=1e-9)
    net, tokenizer = train(views, recipe, start=tmp_path)
    assert tokenizer.get_vocab() == first[1].get_vocab()
    for a, b in zip(net.parameters(), first[0].parameters(), strict=True):
        assert (a - b).abs().max() < 1e-3


def test_hints_ignore_what_cannot_be_seen():
    hints = make_hints(8)
    ends, table = torch.randn(3, 8), torch.randn(20, 8)
    hidden = torch.full((3, 3), -100)
    named, done = hints(ends, table, hidden, torch.rand(3))
    assert named == 0 and torch.isfinite(done)
    assert hints.fitting(ends, torch.full((3,), -1.0)) == 0


def test_auc_and_choice_of_episodes(clips):
    assert auc([1.0, 2.0], [0.0, 1.0]) == 0.875
    shown = episodes_of(Clips(clips.frames, clips.rows, clips.progress, clips.about))
    assert [episode.success for episode in shown] == [True, True]
    assert shown[0].frames.shape[1:] == (64, 128, 3)


def test_the_bundled_network_is_small():
    net = make_network(make_tokenizer())
    assert sum(weight.numel() for weight in net.parameters()) <= 1_500_000


@pytest.mark.parametrize("share", [0.0, 0.15, 0.5])
def test_the_share_of_wrong_questions(views, share):
    known = [(about["task"], about["instruction"]) for about in views.about]
    wrong = Wrong(known + KNOWN)
    sampler = Sampler(views, wrong, np.random.default_rng(0), questions=4, share=share)
    videos = [sampler.draw(6) for _ in range(200)]
    asked = [
        text != video.instruction
        for video in videos
        if video.instruction is not None  # it cannot be told where nothing happens
        for _, _, text, _ in video.questions
    ]
    found = np.mean(asked)
    assert found == pytest.approx(share, abs=0.0 if share in (0.0, 0.5) else 0.05)


def test_more_wrong_questions_than_right_ones_are_refused():
    with pytest.raises(InvalidConfig, match="0 to 0.5, not 0.7"):
        Recipe(wrong=0.7)


def test_stages_of_a_training_are_averaged(tmp_path):
    nets = [make_network(make_tokenizer(), seed=seed) for seed in (0, 1)]
    for net, name in zip(nets, "ab", strict=True):
        save(net, make_tokenizer(), tmp_path / name)
    average([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    mean = dict(QwenModel.load(str(tmp_path / "c")).net.named_parameters())
    stages = [dict(QwenModel.load(str(tmp_path / name)).net.named_parameters()) for name in "ab"]
    for name, value in mean.items():
        wanted = (stages[0][name] + stages[1][name]) / 2
        assert (value - wanted).abs().max() < 2e-3, name  # float16 on disk
    other = make_network(make_tokenizer(), Size(layers=2))
    save(other, make_tokenizer(), tmp_path / "d")
    with pytest.raises(InvalidConfig, match="different shapes"):
        average([tmp_path / "a", tmp_path / "d"], tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_attempts_of_policies_are_labelled_by_what_they_reach():
    played = attempt_clips(
        "Pick", ["expert", "random"], [0], 69, stride=2, scene="generated/train/0"
    )
    ((own, other),) = played
    assert own.kind == other.kind == "attempt"
    assert own.success and own.progress[-1] == 1.0
    assert not other.success and other.progress.max() < BEFORE_SUCCESS
    assert len(own.frames) == len(own.progress) == 36  # the start, and every other of 70 steps
    assert own.progress[0] == other.progress[0] > 0.0
    assert np.array_equal(own.frames[0], other.frames[0])


def test_progress_of_an_attempt_is_that_of_the_task_s_terms():
    merit = [0.1, 0.3, 0.2, 0.6, 0.68, 0.7, 0.1]
    take = Take([], merit, [False, False, False, False, False, True, False], [], stride=1)
    assert merit_progress(take) == pytest.approx([0.1, 0.3, 0.2, 0.6, BEFORE_SUCCESS, 1.0, 0.1])
    assert merit_progress(replace(take, stride=5)) == pytest.approx([0.1, 1.0])


def test_clips_of_attempts_alone_can_be_drawn(views):
    """No expert among them, and a start that is not nothing: doing nothing keeps what there is."""
    about = [row | {"kind": "attempt"} for row in views.about]
    near = [np.maximum(progress, 0.25) for progress in views.progress]
    clips = Clips(views.frames, views.rows, near, about)
    sampler = Sampler(clips, Wrong(KNOWN), np.random.default_rng(0), share=0.0)
    targets = [truth for _ in range(50) for *_, truth in sampler.draw(6).questions]
    assert min(targets) == pytest.approx(0.25) and max(targets) == 1.0
