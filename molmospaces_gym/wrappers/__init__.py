"""Wrappers around any of the environments; all of them rebuild from an ``EnvSpec``."""

from molmospaces_gym.wrappers.action_chunk import ActionChunk
from molmospaces_gym.wrappers.frame_history import FrameHistory
from molmospaces_gym.wrappers.instruction import HashedInstruction, InstructionEmbedding
from molmospaces_gym.wrappers.success_hold import SuccessHold

__all__ = [
    "ActionChunk",
    "FrameHistory",
    "HashedInstruction",
    "InstructionEmbedding",
    "SuccessHold",
]
