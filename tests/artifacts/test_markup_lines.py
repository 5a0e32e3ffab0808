from artifacts.markup import one_line


def test_line_breaks_and_signs_that_a_terminal_obeys_become_spaces() -> None:
    assert one_line("a\r\n b\x1b[31m\u202ec\x85d") == "a b [31m c d"
