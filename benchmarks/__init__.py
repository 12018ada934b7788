"""Measurements behind the README's figures; each module is a command, ``--help`` explains it."""
