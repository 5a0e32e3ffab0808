"""Texts to score, with all columns of their files: readers that set faulty rows aside, and writers."""
