"""report.html: what a run came to, for the person who opens it in the morning.

results in S3 ──► gather.py ──► Content ──► page.py (Jinja) ──► one file, which needs no network
thumbnails ────► thumbnails.py ──┘  charts.py, graph.py, timeline.py
"""

from pipeline.report.content import Content
from pipeline.report.page import render

__all__ = ["Content", "render"]
