"""What docs/serving.md shows is answered."""

import json
import re

import pytest

from tests.conftest import ROOT
from tests.serve.asking import asked

PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
CURLS = re.findall(r"curl (?:-N )?http://127.0.0.1:8000(/\S+) .*?-d '(.*?)'", PAGE, re.S)


@pytest.mark.parametrize(("path", "body"), CURLS)
def test_what_curl_sends_is_answered(path, body, client):
    """By the server of the tests, whose model and adapters have other names."""
    assert asked(client, path, **json.loads(body) | {"model": "verse", "stream": False})["choices"]


def test_its_python_compiles():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    compile(block, "serving.md", "exec")
