"""Videos and streams against their original; ``thcodec compare`` is its command."""
