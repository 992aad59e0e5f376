"""The reload engine: build, clone, swap, stamp, keep, undo.

`load` reloads, `history` undoes and restores, `status` tells, `server` finds and guards.
"""
