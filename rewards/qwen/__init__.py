"""TOPReward with Qwen3-VL models: the prompt, the pixels, and the streaming session."""
