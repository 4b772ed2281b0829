"""A hundred wrong command lines: each is refused with code 2 and one line that says what is wrong.

Here in one process; `make wrong-commands` runs them as they are typed.
"""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SPEC = spec_from_file_location("wrong_commands", Path(__file__).with_name("wrong_commands.py"))
listed = module_from_spec(SPEC)
sys.modules["wrong_commands"] = listed
SPEC.loader.exec_module(listed)

MAINS = {"pipeline": "pipeline.__main__", "pipeline.compare": "pipeline.compare.__main__"} | {
    "pipeline.training": "pipeline.training.__main__"
}


def asked(each, tmp_path):
    """Of what is typed after `python -m`, run in this process: its exit code."""
    main = importlib.import_module(MAINS.get(each.module, each.module)).main
    if each.module == "pipeline":
        return main()
    try:
        return main([*each.arguments])
    except SystemExit as left:
        return left.code


def test_every_one_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    found, commands = [], list(listed.wrong_commands(tmp_path))
    for each in commands:
        monkeypatch.setattr(sys, "argv", ["pipeline", *each.arguments])
        code = asked(each, tmp_path)
        out, err = capsys.readouterr()
        if fault := each.fault(code, out, err):
            found.append(f"{each.shown}: {fault}")
    assert not found, "\n".join(found)
    assert len(commands) >= 100
