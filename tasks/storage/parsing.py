"""Python's parser where several threads use it at once."""

import tenacity

# Python 3.11 keeps one count of the nesting for all threads. Where another thread builds a syntax tree at the same
# time, the counts do not match and Python raises SystemError, although nothing is wrong with the text.
parsing = tenacity.retry(
    retry=tenacity.retry_if_exception_type(SystemError), stop=tenacity.stop_after_attempt(10), reraise=True
)
