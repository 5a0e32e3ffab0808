"""Executes a notebook in a kernel of this interpreter, whose environment has none of the project's packages.

Arguments: the notebook to read and the one to write.
"""

import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, sys.argv[2])
