"""Residual RL: PPO learns a small correction to the actions of a frozen policy.

Needs the extras ``[spoc]`` (torch, safetensors) and ``[sb3]``.
"""
