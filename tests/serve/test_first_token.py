"""What HTTP adds is asked in pairs, and told for each way with its interval."""

from random import Random

from tests.serve import first_token


def test_every_way_is_asked_and_told(capsys, cache):
    overrides = ("engine=noop", "threads=1", f"paths.cache={cache}")
    assert first_token.main(["--rounds", "2", *overrides]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14].strip() for line in lines] == ["in process", "socket", "engine=openai"]
    assert "+0.00 (+0.00 to +0.00)" in lines[0]


def test_the_difference_is_of_pairs_and_lies_in_its_interval():
    others = [float(each) for each in range(50)]
    told = first_token._said([each + 2 for each in others], others, Random(0))
    assert told.split(" ms ")[1].strip() == "+2.00 (+2.00 to +2.00)"
