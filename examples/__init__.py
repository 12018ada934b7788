"""Small programs that show how thcodec is used; ``python -m examples.NAME --help``."""
