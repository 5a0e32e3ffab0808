from dataclasses import replace

from tests.artifacts import examples


def test_networks_have_the_order_of_the_settings_whatever_the_order_in_which_they_were_trained() -> None:
    networks = examples.comparison(2).networks()
    assert [branch.label for branch, _ in networks] == [
        "simple_rnn seed 1", "simple_rnn seed 2", "lstm seed 1", "lstm seed 2",
    ]  # fmt: skip
    assert all((branch.name, branch.seed) == (e.name, e.seed) for branch, e in networks)


def test_models_stand_as_they_were_asked_for() -> None:
    c = examples.comparison(2)
    assert c.models() == ["simple_rnn", "lstm"]
    assert [branch.label for branch, _ in c.first_networks()] == ["simple_rnn seed 1", "lstm seed 1"]
    assert [(e.name, e.seed) for e in c.first_explanations()] == [("simple_rnn", 1), ("lstm", 1)]


def test_several_seeds() -> None:
    assert not examples.comparison().has_several_seeds()
    c = examples.comparison(2)
    assert c.has_several_seeds()
    assert replace(c, branches=c.branches[1:]).has_several_seeds()
