"""Compiled loops over packed reviews (see `tasks.models.packing`): cells forward and backward, and the optimizer.

Nothing else belongs here: a change to any line recompiles the whole folder (see `tasks.storage.compiled`). Each loop
works on one packed array with plain additions in a fixed order, so results do not depend on the number of threads.
"""
