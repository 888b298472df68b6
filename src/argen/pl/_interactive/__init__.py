"""The network as a page: what it holds (content), where things stand (places), the file itself (page)."""

from .interactive import argen_interactive, draw_interactive

__all__ = ["argen_interactive", "draw_interactive"]
