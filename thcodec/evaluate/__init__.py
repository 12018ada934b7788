"""Measures an animator on clips of people it never saw; ``thcodec evaluate`` is its command."""
