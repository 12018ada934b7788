"""Networks that enlarge stills: ESRGAN's generator, a compact one, and readers of their weights."""
