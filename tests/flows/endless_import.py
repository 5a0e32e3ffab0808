"""Never finishes importing; for `test_pool_fork_server`."""

import threading

threading.Event().wait()
