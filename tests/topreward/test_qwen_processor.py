"""Ids, pixels and scores against the processor of transformers, which needs torchvision.

Where torchvision is absent, or its operators are (a torchvision for CUDA beside a torch for
the CPU), these tests skip themselves and say so.
"""

import importlib.util
from importlib.metadata import version

import numpy as np
import pytest

from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings
from molmospaces_gym.rewards.qwen.prompt import END, PAD, QUESTION, START

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TASK = "pick up the mug."


def _repair_torchvision():
    """Declare the operators that a torchvision for CUDA does not find beside a torch for the CPU.

    It must be done before anything imports torchvision. Only its transforms are used here.
    """
    library = torch.library.Library("torchvision", "DEF")
    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        library.define(schema)
    return library


HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
MISMATCH = HAS_TORCHVISION and "+cpu" in torch.__version__ and "+cpu" not in version("torchvision")
KEPT = _repair_torchvision() if MISMATCH else None


@pytest.fixture(scope="module")
def processor(tokenizer):
    if not HAS_TORCHVISION:
        pytest.skip("the video processor of transformers needs torchvision, which is not here")
    videos = transformers.Qwen3VLVideoProcessor(
        size={"shortest_edge": 4096, "longest_edge": 25165824}, cap_pixels_per_frame=False
    )
    images = transformers.Qwen2VLImageProcessorPil()
    return transformers.Qwen3VLProcessor(
        image_processor=images, tokenizer=tokenizer, video_processor=videos
    )


def processed(processor, frames, fps):
    """What the processor makes of frames that are shown as they are."""
    text = f"<|im_start|>user\n{START}{PAD}{END}" + QUESTION.format(instruction=TASK)
    about = {"fps": fps, "frames_indices": list(range(len(frames)))}
    about["total_num_frames"] = len(frames)
    return processor(
        text=[text],
        videos=[torch.from_numpy(frames).permute(0, 3, 1, 2)],
        video_metadata=[about],
        do_sample_frames=False,
        return_tensors="pt",
    )


@pytest.mark.parametrize("count", [2, 5, 8])
def test_ids_and_scores_are_those_of_the_processor(processor, net, tokenizer, video, count):
    inputs = processed(processor, video[:count], 4.0)
    outer = f"{START}<"
    layout = "5.10" if outer in tokenizer.decode(inputs["input_ids"][0]) else "4.57"
    model = QwenModel(net, tokenizer, QwenSettings(layout=layout, fps=4.0))
    ids = model.whole_ids(range(count), 4.0, (64, 96), TASK)
    assert inputs["input_ids"][0].tolist() == ids
    with torch.no_grad():
        logits = net(**inputs, logits_to_keep=1).logits[0, -1].float()
    theirs = torch.log_softmax(logits, dim=-1)[model.prompt.true].item()
    assert model.score_video(video[:count], TASK).logp_true == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("count", [4, 30, 70])
def test_paper_mode_sees_the_frames_that_the_processor_takes(processor, net, tokenizer, count):
    coarse = np.random.default_rng(1).integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)
    frames = coarse.repeat(16, axis=1).repeat(16, axis=2)
    text = f"<|im_start|>user\n{START}{PAD}{END}" + QUESTION.format(instruction=TASK)
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2)
    inputs = processor(text=[text], videos=[tensor], return_tensors="pt")
    layout = "5.10" if f"{START}<" in tokenizer.decode(inputs["input_ids"][0]) else "4.57"
    model = QwenModel(net, tokenizer, QwenSettings(layout=layout))
    with torch.no_grad():
        logits = net(**inputs, logits_to_keep=1).logits[0, -1].float()
    theirs = torch.log_softmax(logits, dim=-1)[model.prompt.true].item()
    ours = model.score_paper(frames, TASK, prefixes=2)[-1]
    assert ours.logp_true == pytest.approx(theirs, abs=1e-5)
