"""Errors that a user can act on: one line that says what was found, what was expected and what to do."""


class PipelineError(Exception):
    """A fault of the run's inputs or surroundings. The command line prints its text and exits with status 1."""


class DataError(PipelineError):
    """A file does not hold what it should. Trying again does not help."""


class NetworkError(PipelineError):
    """A download did not succeed. Trying again later may help."""
