from artifacts.figures.render import data_uri, picture, png
from artifacts.figures.style import single


def test_a_figure_in_both_formats() -> None:
    drawn = picture(single(2, 1)[0])
    assert drawn.png.startswith(b"\x89PNG")
    assert drawn.svg.startswith("<svg")
    assert drawn.svg.rstrip().endswith("</svg>")


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert png(single(2, 1)[0]) == png(single(2, 1)[0])


def test_a_data_address() -> None:
    assert data_uri(b"abc") == "data:image/png;base64,YWJj"
