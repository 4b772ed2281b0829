"""Files that workloads are made from: read as they are, or refused with file and line."""

import json
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.workload.arrivals.replay import StampedArrivals
from pipeline.workload.azure_trace import Columns, read_calls
from pipeline.workload.column import FileValue, read_column, read_columns
from pipeline.workload.lengths.from_file import FromFile
from pipeline.workload.prompts import jsonl as module
from pipeline.workload.prompts.jsonl import Jsonl
from pipeline.workload.prompts.sharegpt import ShareGpt
from tests.workload import golden

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROW = "2023-11-16 18:17:03.9799600,4808,10\n"


def written(text):
    """A file with that text, gone when the process ends."""
    folder = Path(tempfile.mkdtemp(dir=written.root))
    path = folder / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory):
    written.root = tmp_path_factory.mktemp("files")


def replay(text, **settings):
    return StampedArrivals(name="replay", path=written(text), **settings)


def stamps(text, **settings):
    return [slot.scheduled_s for slot in replay(text, **settings).slots(Random(0))]


def lengths(text, column=None):
    return FromFile(name="from_file", path=written(text), column=column)


def jsonl(text, field="prompt"):
    return Jsonl(name="jsonl", path=written(text), field=field)


def sharegpt(text):
    return ShareGpt(name="sharegpt", path=written(text))


def calls(text, count=None):
    return read_calls("workload.path", written(text), count)


def refusal(read, *arguments, **settings):
    with pytest.raises(UsageError) as caught:
        read(*arguments, **settings)
    assert "\n" not in str(caught.value) and "file" in str(caught.value)
    return str(caught.value)


def test_stamps():
    assert stamps("0\n 0.5 \r\n\n0.5\n2e1\n") == [0.0, 0.5, 0.5, 20.0]
    assert stamps("1\n2\n3\n", requests=2, speed=4.0) == [0.25, 0.5]
    assert stamps("at,Timestamp\nx,1\ny,3\n", column="Timestamp") == [1.0, 3.0]
    assert list(replay("1\n2\n").groups()) == [2]


@pytest.mark.parametrize(
    "text, said",
    [
        ("1\nsoon\n", "file:2: 'soon' isn't a number of seconds"),
        ("1\nnan\n", "file:2: 'nan'"),
        ("1\ninf\n", "file:2: 'inf'"),
        ("1\n\n-2\n", "file:3: -2 is negative"),
        ("1\n3\n\n2\n", "file:4: 2.0 comes after 3.0; sort the stamps"),
        ("", "holds no values"),
        (b"1\n2\n\xff\n", "file:3: isn't UTF-8"),
    ],
)
def test_bad_stamps(text, said):
    assert said in refusal(stamps, text)


def test_more_requests_than_stamps():
    assert "workload.arrivals.requests=3" in refusal(stamps, "1\n2\n", requests=3)


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_every_sorted_list_of_stamps_is_read_as_it_is(times):
    assert stamps("".join(f"{each!r}\n" for each in sorted(times))) == sorted(times)


@given(st.lists(st.floats(0, 1e9), min_size=2))
def test_no_unsorted_list_of_stamps_is_read(times):
    text = "".join(f"{each!r}\n" for each in times)
    if times == sorted(times):
        return
    assert "sort the stamps" in refusal(stamps, text)


def test_lengths():
    drawn = lengths("5\n7\n7\n").draw(3000, Random(0))
    assert set(drawn) == {5, 7} and 1850 < drawn.count(7) < 2150
    assert set(lengths("a,n\nx,3\n", "n").draw(9, Random(0))) == {3}


@pytest.mark.parametrize("text", ["5\n0\n", "5\n-1\n", "5\n1.5\n", "5\n9999999999999\n", "5\n٣\n"])
def test_bad_lengths(text):
    assert "file:2: " in refusal(lengths(text).check)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.integers(0, 99))
def test_lengths_are_drawn_from_the_file_alone(numbers, seed):
    text = "".join(f"{each}\n" for each in numbers)
    assert set(lengths(text).draw(20, Random(seed))) <= {*numbers}


def test_columns():
    rows = read_columns("key", written('\ufeffa, b ,c\n1,2,3\n\n4,"5",6\n'), ["c", "a"])
    assert [tuple(cell.text for cell in row) for row in rows] == [("3", "1"), ("6", "4")]
    assert rows[1][0].where.endswith("file:4")


@pytest.mark.parametrize(
    "text, said",
    [
        ("a,b\n1,2\n", "file:1: has no column 'n'; it has a, b"),
        ("", "file:1: has no column 'n'; it has none"),
        ("a,n\n1,2\n3\n", "file:3: has 1 values for 2 columns"),
        ("a,n\n1,2,3\n", "file:2: has 3 values for 2 columns"),
        ('a,n\n1,"2\n', "isn't CSV"),
        ("a,n\n1,2\r3,4\n", "isn't CSV"),
        ("a,n\n", "holds no values"),
    ],
)
def test_bad_tables(text, said):
    assert said in refusal(read_column, "key", written(text), "n")


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "file", tmp_path):
        with pytest.raises(UsageError) as caught:
            read_column("workload.x.path", path, None)
        assert str(caught.value).startswith(f"workload.x.path={path}: can't be read (")


def test_an_azure_trace():
    read = calls(HEADER + ROW + "2023-11-16 18:17:05.0000000,110,27\n")
    assert [(c.at_ns, c.prompt_tokens, c.output_tokens) for c in read] == [
        (0, 4808, 10),
        (1_020_040_000, 110, 27),
    ]
    later = "2024-05-10 00:00:00.009930+00:00,1,2\n2024-05-11T00:00:00Z,1,2\n"
    assert calls(HEADER + later)[1].at_ns == 86_400 * 10**9 - 9_930_000
    assert len(calls(HEADER + ROW * 3, 2)) == 2


@pytest.mark.parametrize(
    "text, said",
    [
        ("TIMESTAMP,ContextTokens\n" + "x,1\n", "file:1: has no column 'GeneratedTokens'"),
        (HEADER + ROW + "yesterday,1,2\n", "file:3: 'yesterday' isn't a stamp like"),
        (HEADER + "2023-13-16 18:17:03,1,2\n", "file:2: '2023-13-16 18:17:03' isn't a stamp"),
        (HEADER + "2023-11-16 18:17:03+25:00,1,2\n", "file:2: '2023-11-16 18:17:03+25:00' isn't"),
        (HEADER + "2023-11-16T,1,2\n", "file:2: '2023-11-16T' isn't a stamp"),
        (HEADER + "-5,1,2\n", "file:2: '-5' isn't a stamp"),
        (HEADER + ROW + "2023-11-16 18:17:03.9799599,1,2\n", "file:3: comes before the line above"),
        (HEADER + ROW.replace(",10", ",10.5"), "file:2: '10.5' isn't a whole number above 0"),
        (HEADER + ROW.replace(",10", ",1e99"), "file:2: '1e99' isn't a whole number above 0"),
        (HEADER + ROW.replace(",10", ",nan"), "file:2: 'nan' isn't a whole number above 0"),
        (HEADER + ROW + ROW.replace("4808", "-1"), "file:3: '-1' isn't a whole number above 0"),
        (HEADER + ROW.replace(",10", ",0"), "file:2: '0' isn't a whole number above 0"),
        (HEADER + ROW.replace(",10", ","), "file:2: '' isn't"),
        (HEADER, "holds no values"),
    ],
)
def test_bad_azure_traces(text, said):
    assert said in refusal(calls, text)


@pytest.mark.parametrize(
    "stamps, seconds",
    [
        (("2023-11-16 18:17:03", "2023-11-16T18:17:04.5Z"), 1.5),
        (("2023-11-16 20:17:03+02:00", "2023-11-16 18:17:04+0000"), 1),
        (("2023-11-16 18:17:03.979960 UTC", "2023-11-16 18:18"), 56.02004),
        (("2023-11-16", "2023-11-17"), 86_400),
        (("5", "45.25"), 40.25),
        (("0.0", "1.0000000001"), 1),
    ],
)
def test_stamps_in_many_spellings(stamps, seconds):
    read = calls(HEADER + "".join(f'"{each}",1,2\n' for each in stamps))
    assert read[1].at_ns == round(seconds * 10**9)


def test_a_table_that_pandas_wrote(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(
        {
            "Model": ["ChatGPT", "GPT-4", None],
            "Timestamp": [5.0, 45.5, 118.0],
            "Request tokens": [472.0, 1087.0, 1e5],
            "Response tokens": pd.array([18, 230, None], dtype="Int64").fillna(7),
        }
    )
    path = tmp_path / "file"
    columns = Columns(
        time="Timestamp", prompt="Request tokens", answer="Response tokens", adapter="Model"
    )
    for how in ({}, {"index": False, "quoting": 1}, {"float_format": "%.3e"}):
        frame.to_csv(path, **how)
        read = read_calls("workload.path", path, None, columns)
        assert [(c.at_ns, c.prompt_tokens, c.output_tokens, c.adapter) for c in read] == [
            (0, 472, 18, "ChatGPT"),
            (40_500_000_000, 1087, 230, "GPT-4"),
            (113_000_000_000, 100_000, 7, None),
        ]


@given(st.integers(1, 10**12 - 1))
def test_a_whole_number_in_any_spelling(number):
    import pandas as pd

    for text in (str(number), f"{number}.0", f"{number:.14e}", f"+{number}.", f"{float(number)!r}"):
        assert FileValue("file:1", text).whole() == number
        assert int(pd.to_numeric(text)) == number


def test_fewer_calls_than_asked_for():
    assert "workload.requests=2" in refusal(calls, HEADER + ROW, 2)


call = st.tuples(st.integers(0, 10**12), st.integers(1, 10**5), st.integers(1, 10**5))


@given(st.lists(call, min_size=1))
def test_every_sorted_azure_trace_is_read_as_it_is(rows):
    from datetime import datetime, timedelta

    rows = sorted(rows)
    lines = []
    for ticks, prompt, output in rows:  # of 100 ns
        moment = datetime(2023, 11, 16) + timedelta(seconds=ticks // 10**7)
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S}.{ticks % 10**7:07d},{prompt},{output}\n")
    read = calls(HEADER + "".join(lines))
    first = rows[0][0]
    assert [(c.at_ns, c.prompt_tokens, c.output_tokens) for c in read] == [
        ((ticks - first) * 100, prompt, output) for ticks, prompt, output in rows
    ]


@given(st.binary() | st.text())
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_one_line(text):
    for read in (
        lambda: stamps(text),
        lambda: lengths(text).check(),
        lambda: lengths(text, "n").check(),
        lambda: calls(text),
        lambda: jsonl(text).check(),
        lambda: sharegpt(text).check(),
    ):
        try:
            read()
        except UsageError as refused:
            assert "\n" not in str(refused)


def test_the_workload_from_an_azure_trace():
    trace = golden.azure().trace(golden.ADAPTERS, golden.encode_words)
    read = read_calls("workload.path", golden.DATA / "azure.csv", None)
    for request, each in zip(trace.requests, read, strict=True):
        assert request.scheduled_s == each.at_ns / 1e9 / 2
        assert len(request.prompt_ids) == max(1, round(each.prompt_tokens / 2))
        assert request.max_new_tokens == max(1, round(each.output_tokens / 2))
    assert trace.max_in_flight is None
    assert trace.sidecar()["laws"]["azure"]["file"] == "azure.csv"
    tenants = golden.azure("tenants").trace(golden.ADAPTERS, golden.encode_words)
    assert {request.tenant for request in tenants.requests} == {"large", "small"}


def test_the_adapters_of_an_azure_trace_must_be_there():
    with pytest.raises(UsageError, match="48 requests at a time"):
        golden.azure("distinct").check(golden.ADAPTERS)


def test_prompts_of_a_jsonl_file():
    rows = '{"prompt": "one", "id": 3}\n\n{"prompt": "two\\nlines"}\n'
    drawn = jsonl(rows).draw(50, Random(0), str.split)
    assert set(drawn) == {"one", "two\nlines"}
    assert jsonl('{"q": "one"}', "q").draw(1, Random(0), str.split) == ["one"]


@pytest.mark.parametrize(
    "line, said",
    [
        ("{", "file:2: isn't JSON"),
        ('{"q": "x"}', "file:2: has no text in the field 'prompt'"),
        ('{"prompt": 3}', "file:2: has no text"),
        ('{"prompt": ""}', "file:2: has no text"),
        ('["prompt"]', "file:2: has no text"),
    ],
)
def test_bad_jsonl_files(line, said):
    assert said in refusal(jsonl('{"prompt": "x"}\n' + line + "\n").check)
    assert "holds no prompts" in refusal(jsonl("\n").check)


def test_a_file_of_prompts_is_read_once_as_long_as_it_stays(monkeypatch):
    read: list[Path] = []
    whole = module.read_text
    monkeypatch.setattr(
        module, "read_text", lambda key, path: read.append(path) or whole(key, path)
    )
    prompts = jsonl('{"prompt": "one"}')
    prompts.check()
    assert prompts.draw(1, Random(0), str.split) == ["one"]
    assert prompts.decided() == frozenset()
    assert read == [prompts.path]
    prompts.path.write_text('{"prompt": "another"}')
    assert prompts.draw(1, Random(0), str.split) == ["another"]


texts = st.text(min_size=1)


@given(st.lists(texts, min_size=1))
def test_every_text_survives_both_formats(prompts):
    lines = "".join(json.dumps({"prompt": each}) + "\n" for each in prompts)
    assert {*jsonl(lines).draw(20, Random(0), str.split)} <= {*prompts}
    rows = [{"conversations": [{"from": "human", "value": each}]} for each in prompts]
    assert {*sharegpt(json.dumps(rows)).draw(20, Random(0), str.split)} <= {*prompts}


def test_what_a_person_says_first_whoever_begins():
    file = golden.DATA / "sharegpt.json"
    drawn = ShareGpt(name="s", path=file).draw(200, Random(0), str.split)
    said = [
        [turn["value"] for turn in row["conversations"] if turn["from"] == "human"]
        for row in json.loads(file.read_text("utf-8"))
    ]
    assert {*drawn} == {each[0] for each in said if each}
    assert "And I answer." in drawn and "I begin." not in drawn


@pytest.mark.parametrize(
    "text, said",
    [
        ("[\n{]", "file:2: isn't JSON"),
        ("{}", "must be a list"),
        ("[{}]", "conversation 0: `conversations`"),
        ('[{"conversations": []}, {"conversations": [{"from": "human"}]}]', "conversation 1:"),
        ('[{"conversations": [{"from": "gpt", "value": "x"}]}]', "holds no conversation"),
    ],
)
def test_bad_sharegpt_files(text, said):
    assert said in refusal(sharegpt(text).check)


def test_files_are_checked_before_anything_heavy_starts():
    for changed in ({"prompts": "jsonl"}, {"lengths": "from_file"}, {"arrivals": "replay"}):
        golden.workload(**changed).check(golden.ADAPTERS)
    workload = golden.workload()
    object.__setattr__(workload, "prompts", jsonl("{"))
    with pytest.raises(UsageError, match="isn't JSON"):
        workload.check(golden.ADAPTERS)
