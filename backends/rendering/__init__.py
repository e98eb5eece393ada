"""Renderers of compiled models: ``raster`` (no OpenGL), ``gl`` and ``gl-official``."""

from molmospaces_gym.backends.rendering.probe import RendererStatus, probe_renderers
from molmospaces_gym.backends.rendering.registry import RENDERERS, Renderer, make_renderer

__all__ = ["RENDERERS", "Renderer", "RendererStatus", "make_renderer", "probe_renderers"]
