"""The command line. Exit codes:

0 done; 1 an error, nothing was written under the final name; 2 wrong usage; 3 done, but the input
was damaged and only what could be read is in the output; 130 interrupted.
"""

from thcodec.cli.app import main

__all__ = ["main"]
