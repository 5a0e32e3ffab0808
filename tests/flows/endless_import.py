"""Takes for ever to import, for `test_fork_server`."""

import threading

threading.Event().wait()
