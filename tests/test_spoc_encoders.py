"""The frozen encoders of released SPOC models, with small random towers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable
from molmospaces_gym.policies.spoc.encoders import TextEncoder, VisionEncoder, canonical, prepared

transformers = pytest.importorskip("transformers")


def pictures(count: int = 2, shape: tuple[int, int] = (92, 160)) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 6, 10, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(c).resize(shape[::-1])) for c in coarse]


def test_pictures_become_a_grid_of_patches(siglip: Path) -> None:
    encoder = VisionEncoder(str(siglip))
    one, two = pictures()
    features = encoder([one, two])
    assert features.shape == (2, 48, 16, 16)
    assert not features.requires_grad
    assert torch.equal(features, encoder([one, two]))
    assert torch.allclose(features[:1], encoder([one]), atol=1e-5)
    whole = transformers.SiglipModel.from_pretrained(siglip).eval()
    with torch.no_grad():
        hidden = whole.vision_model(prepared(one)[None]).last_hidden_state[0]
    assert torch.allclose(features[0, :, 3, 5], hidden[3 * 16 + 5], atol=1e-4)


def test_pictures_are_prepared_as_by_transformers() -> None:
    name = "SiglipImageProcessorPil"
    if not hasattr(transformers, name):
        pytest.skip(f"this transformers has no {name}")
    processor = getattr(transformers, name)(
        size={"height": 256, "width": 256}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    for shape in ((368, 640), (256, 256), (100, 130)):
        (picture,) = pictures(1, shape)
        theirs = processor(Image.fromarray(picture), return_tensors="pt")["pixel_values"][0]
        # Pillow filters with integers and rounds between its two passes: two levels of 255.
        assert (theirs - prepared(picture)).abs().max() <= 2.01 / 127.5


def test_levels_stay_within_range() -> None:
    sharp = np.zeros((64, 64, 3), np.uint8)
    sharp[::7] = 255
    found = prepared(sharp)
    assert found.shape == (3, 256, 256)
    assert found.min() == -1.0
    assert found.max() == 1.0


def test_texts_become_context_and_pooled(siglip: Path) -> None:
    encoder = TextEncoder(str(siglip))
    features = encoder("Pick up the red mug.")
    assert features.shape == (1, 65, 48)
    assert encoder("pick up the  red mug") is features  # remembered
    assert not torch.equal(features, encoder("Pick up the bowl."))
    ids = encoder.token_ids("Pick up the red mug.")
    assert ids.shape == (1, 64)
    assert (ids[0, -40:] == 1).all()  # padded with the end-of-text token, as SigLIP was trained
    long = encoder("pick up the bowl " * 40)
    assert long.shape == (1, 65, 48)
    whole = transformers.SiglipTextModel.from_pretrained(siglip, hidden_act="gelu").eval()
    with torch.no_grad():
        out = whole(ids)
    assert torch.allclose(features[0, :64], out.last_hidden_state[0], atol=1e-5)
    assert torch.allclose(features[0, 64], out.pooler_output[0], atol=1e-5)
    assert torch.equal(features, TextEncoder(str(siglip))("Pick up the red mug."))


def test_tokens_are_those_of_the_siglip_tokenizer(siglip: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(siglip)
    text = "Open the drawer, please!"
    theirs = tokenizer(
        text, padding="max_length", max_length=64, truncation=True, return_tensors="pt"
    )
    assert torch.equal(TextEncoder(str(siglip)).token_ids(text), theirs["input_ids"])


def test_texts_are_cleaned() -> None:
    assert canonical('  Put the "Red_Mug" (left)\nthere, please! ') == (
        "put the red mug left there please"
    )


def test_missing_encoders_say_what_to_fetch(siglip: Path, tmp_path: Path) -> None:
    for make, name in ((VisionEncoder, "siglip2-base"), (TextEncoder, "siglip-base")):
        with pytest.raises(PolicyUnavailable, match=f"hf download google/{name}-patch16-256"):
            make(str(tmp_path))
    weightless = tmp_path / "weightless"
    shutil.copytree(siglip, weightless)
    (weightless / "model.safetensors").unlink()
    with pytest.raises(PolicyUnavailable, match="hf download"):
        VisionEncoder(str(weightless))
    (weightless / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(PolicyUnavailable, match="hf download"):
        VisionEncoder(str(weightless))
    mute = tmp_path / "mute"
    shutil.copytree(siglip, mute)
    for file in (*mute.glob("*token*"), mute / "spiece.model"):
        file.unlink(missing_ok=True)
    with pytest.raises(PolicyUnavailable, match="hf download"):
        TextEncoder(str(mute))


def test_a_hub_id_without_a_network_says_what_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PolicyUnavailable, match="hf download google/siglip2-base-patch16-256"):
        VisionEncoder("nobody/no-such-encoder")


def test_other_models_are_refused(siglip: Path, tmp_path: Path) -> None:
    bert = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertModel(bert).save_pretrained(tmp_path / "bert")
    with pytest.raises(InvalidConfig, match="'bert'; expected a SigLIP"):
        VisionEncoder(str(tmp_path / "bert"))
    # Pictures of any size instead of 256 x 256: the other SigLIP 2.
    flexible = tmp_path / "flexible"
    flexible.mkdir()
    (flexible / "config.json").write_text(json.dumps({"model_type": "siglip2"}))
    with pytest.raises(InvalidConfig, match="fixed-size"):
        VisionEncoder(str(flexible))
    for key, part, make in (
        ("image_size", "vision_config", VisionEncoder),
        ("max_position_embeddings", "text_config", TextEncoder),
    ):
        folder = tmp_path / key
        model = transformers.SiglipModel.from_pretrained(siglip)
        config = model.config.to_dict()
        config[part][key] = 32
        transformers.SiglipModel(transformers.SiglipConfig.from_dict(config)).save_pretrained(
            folder
        )
        with pytest.raises(InvalidConfig, match="32"):
            make(str(folder))


def test_a_tower_is_never_drawn_at_random(siglip: Path, tmp_path: Path) -> None:
    text = transformers.SiglipTextModel.from_pretrained(siglip)
    text.save_pretrained(tmp_path)
    shutil.copy(siglip / "config.json", tmp_path / "config.json")
    with pytest.raises(InvalidConfig, match="holds no SiglipVisionModel"):
        VisionEncoder(str(tmp_path))
