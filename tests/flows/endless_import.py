"""Never finishes importing; for `test_branch_process_fork_server`."""

import threading

threading.Event().wait()
