"""Compiled loops over packed reviews (see `tasks.models.packing`): cells forward and backward, and the optimizer.

Nothing else lives here, because a changed line compiles the whole folder anew (see `tasks.storage.compiled`). Each loop
works on one packed array with plain additions in a fixed order, so results do not depend on the number of threads.
"""
