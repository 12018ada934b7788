"""``python -m thcodec``: the command line."""

from thcodec.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
