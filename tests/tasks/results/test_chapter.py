import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from tasks.results.chapter import Chapter, FirstNetworks
from tests.artifacts import examples


def test_a_record_that_was_read_back_is_the_same() -> None:
    chapter = examples.chapter()
    text = json.dumps(to_jsonable_python(chapter))
    assert TypeAdapter(Chapter).validate_json(text) == chapter


def test_a_cell_in_an_edited_record_cannot_be_a_path() -> None:
    fields = to_jsonable_python(examples.chapter())
    fields["loops"][0]["cell"] = "../../x"
    with pytest.raises(ValidationError):
        TypeAdapter(Chapter).validate_python(fields)


def test_the_files_are_those_of_all_networks() -> None:
    branches = [replace(examples.branch(name), digests={"last.keras": name}) for name in ("lstm", "gru")]
    assert FirstNetworks(tuple(branches)).files() == {
        Path("models") / name / "last.keras": name for name in ("lstm", "gru")
    }
