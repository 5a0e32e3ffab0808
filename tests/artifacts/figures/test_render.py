import base64
import io
from dataclasses import replace

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from PIL import Image

from artifacts.chapter import all_drawings
from artifacts.figures.render import data_uri, picture, png
from artifacts.figures.style import MODEL_COLOURS, single
from tests.artifacts import examples


def test_a_figure_in_both_formats() -> None:
    drawn = picture(single(2, 1)[0])
    assert drawn.png.startswith(b"\x89PNG")
    assert drawn.svg.startswith("<svg")
    assert drawn.svg.rstrip().endswith("</svg>")


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert png(single(2, 1)[0]) == png(single(2, 1)[0])


def test_the_ui_gets_a_small_picture_with_all_colours_of_models() -> None:
    large = png(all_drawings(examples.comparison())[0].draw(examples.comparison()))
    kind, _, content = data_uri(large).partition(",")
    assert kind == "data:image/webp;base64"
    small = base64.b64decode(content)
    assert len(small) < len(large) / 2
    with Image.open(io.BytesIO(large)) as before, Image.open(io.BytesIO(small)) as after:
        assert after.size == (round(before.width * 0.4), round(before.height * 0.4))
        assert before.getcolors()
        colours = np.array([rgb for _, rgb in after.convert("RGB").getcolors() or ()])
    for model in MODEL_COLOURS[:2]:
        assert np.abs(colours - np.array(to_rgb(model)) * 255).max(axis=1).min() < 16


def test_a_png_has_twice_the_resolution_of_the_page() -> None:
    with Image.open(io.BytesIO(png(single(2, 1)[0]))) as image:
        assert image.size == (400, 200)


def test_dollars_in_a_file_name_are_no_formula() -> None:
    c = examples.comparison()
    source = replace(c.dataset.source, path=c.dataset.source.path.with_name("cost$5_$6.npz"))
    c = replace(c, dataset=replace(c.dataset, imdb=False, source=source))
    assert "cost$5_$6.npz" in c.dataset.title
    for drawing in all_drawings(c):
        with rc_context({"svg.fonttype": "none"}):
            assert "cost$5_$6.npz" in picture(drawing.draw(c)).svg, drawing.stem


def test_numbers_of_a_logarithmic_axis_stay_formulas() -> None:
    figure, axes = single(2, 2)
    axes.set_yscale("log")
    picture(figure)
    assert all(label.get_parse_math() for label in axes.get_yticklabels())
