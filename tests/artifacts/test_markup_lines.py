from artifacts.markup import label_names, one_line


def test_line_breaks_and_signs_that_a_terminal_obeys_become_spaces() -> None:
    assert one_line("a\r\n b\x1b[31m\u202ec\x85d") == "a b [31m c d"


def test_names_of_labels_are_short_lines_that_differ() -> None:
    assert label_names(("schlecht", " <b>gut\x1b[2J ")) == ("schlecht", "<b>gut [2J")
    assert label_names(("a" * 30 + "b" * 30, "c"))[0] == "a" * 19 + "…" + "b" * 20
    assert label_names(("a\n", "\ta")) == label_names(("\u200e", "b")) == ("negative", "positive")
