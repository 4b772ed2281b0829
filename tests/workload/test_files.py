"""Trace files that aren't what was written are refused in one line."""

import hashlib
import json
from dataclasses import replace

import pytest

from pipeline.errors import UsageError
from pipeline.workload.replay import ReplayedTrace
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import FORMAT, Trace
from pipeline.workload.trace_file import read_trace

ROW = TraceRequest(0, 0, "a", "héllo\u2028\r\n", (1, 2), 3, 0.0)


@pytest.fixture
def path(tmp_path):
    rows = tuple(TraceRequest(i, *list(vars_of(ROW).values())[1:]) for i in range(4))
    Trace(rows, 2, {"probabilities": [0.5, 0.5], "seeds": {"prompts": 0}}).write(
        tmp_path / "trace.jsonl"
    )
    return tmp_path / "trace.jsonl"


FIELDS = [name for name in TraceRequest.__slots__ if name not in ("sampling", "by_text")]


def vars_of(request):
    return {name: getattr(request, name) for name in FIELDS}


def refusal(path, in_flight=None):
    with pytest.raises(UsageError) as caught:
        read_trace(path, in_flight)
    assert "\n" not in str(caught.value) and path.stem in str(caught.value)
    return str(caught.value)


def test_the_file_is_ascii_with_one_request_a_line(path):
    assert path.read_bytes().isascii()
    assert len(path.read_text().splitlines()) == 4
    assert read_trace(path).requests[0] == ROW


def test_the_description(path):
    said = json.loads(path.with_suffix(".json").read_text())
    assert list(said) == [
        *("format", "sha256", "work_sha256", "requests", "max_in_flight"),
        *("laws", "probabilities", "notes"),
    ]
    assert said["format"] == FORMAT
    assert said["probabilities"] == [0.5, 0.5] and said["laws"] == {"seeds": {"prompts": 0}}
    assert read_trace(path).laws == {"probabilities": [0.5, 0.5], "seeds": {"prompts": 0}}


def test_a_description_with_the_vector_among_the_laws_is_still_read(path):
    sidecar = path.with_suffix(".json")
    said = json.loads(sidecar.read_text())
    said["laws"]["probabilities"] = said.pop("probabilities")
    sidecar.write_text(json.dumps(said))
    assert read_trace(path).laws["probabilities"] == [0.5, 0.5]


@pytest.mark.parametrize("described", [True, False])
def test_a_file_cut_within_a_line_is_refused_by_line(path, described):
    if not described:
        path.with_suffix(".json").unlink()
    how = None if described else "all"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if length and whole[length - 1 : length] == b"\n":
            continue
        line = whole[:length].count(b"\n") + 1
        assert f"line {line} is cut short" in refusal(path, how)


def test_a_file_cut_between_lines_is_refused_by_its_description(path):
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert "is cut short: 2 of the 4 requests" in refusal(path)


@pytest.mark.parametrize("old, new", [(",", ", "), ("\n", "\r\n"), ("[1,2]", "[1,3]")])
def test_a_changed_file_is_refused_by_its_description(path, old, new):
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    assert "is changed" in refusal(path)


@pytest.mark.parametrize(
    "key, value",
    [
        ("id", "0"),
        ("id", 7),
        ("iteration", -1),
        ("adapter", 5),
        ("prompt", None),
        ("prompt_ids", ["1"]),
        ("prompt_ids", [2.0]),
        ("prompt_ids", [-1]),
        ("max_new_tokens", 0),
        ("max_new_tokens", True),
        ("scheduled_s", -1),
        ("scheduled_s", float("nan")),
        ("scheduled_s", float("inf")),
        ("surplus", 1),
    ],
)
def test_a_wrong_field_is_refused_by_name(tmp_path, key, value):
    path = tmp_path / "trace.jsonl"
    path.write_text(json.dumps(vars_of(ROW) | {key: value}) + "\n")
    message = refusal(path)
    assert "line 1" in message and key in message and "changed" in message


@pytest.mark.parametrize("key", [name for name in FIELDS if name not in ("tenant", "after")])
def test_a_missing_field_is_refused_by_name(tmp_path, key):
    path = tmp_path / "trace.jsonl"
    row = {name: value for name, value in vars_of(ROW).items() if name != key}
    path.write_text(json.dumps(row) + "\n")
    assert key in refusal(path)


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b"null", b"{", b'"\xff"', b"\xff\xfe{}"])
def test_a_line_that_is_no_object_is_refused(tmp_path, line):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(line + b"\n")
    assert "line 1" in refusal(path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff{", b'{"sha256": 1'])
def test_a_broken_description_is_refused(path, text):
    path.with_suffix(".json").write_bytes(text)
    assert "trace.json: is cut short or changed" in refusal(path)


@pytest.mark.parametrize("in_flight, limit", [("all", None), (3, 3)])
def test_a_file_written_by_hand_needs_a_word_on_what_is_in_flight(tmp_path, in_flight, limit):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(vars_of(ROW) | {"scheduled_s": 0, "adapter": None}) + "\n")
    assert "mine.json is missing" in refusal(path) and "workload.in_flight=all" in refusal(path)
    trace = read_trace(path, in_flight)
    assert trace.requests[0].adapter is None and trace.max_in_flight == limit
    assert trace.notes == ("mine.jsonl came without mine.json: nothing says that it is whole",)


def test_a_trace_that_has_lost_its_half_is_refused(path):
    path.with_suffix(".json").unlink()
    assert "trace.json is missing beside it" in refusal(path)


def test_what_the_description_says_is_not_said_again(path):
    assert "leave the setting out" in refusal(path, 2)


def test_in_flight_is_part_of_the_digest(path):
    requests = read_trace(path).requests
    digests = {Trace(requests, limit).sha256 for limit in (None, 1, 2, 8)}
    assert len(digests) == 4
    sidecar = path.with_suffix(".json")
    sidecar.write_text(sidecar.read_text().replace('"max_in_flight": 2', '"max_in_flight": 8'))
    assert "is changed" in refusal(path)


def test_the_digest_can_be_had_without_this_program(path):
    said = b'{"format":2,"max_in_flight":2}\n' + path.read_bytes()
    assert read_trace(path).sha256 == hashlib.sha256(said).hexdigest()


def aged(path):
    """The description as it was written before formats had numbers."""
    sidecar = path.with_suffix(".json")
    said = json.loads(sidecar.read_text())
    said = {key: said[key] for key in said if key not in ("format", "work_sha256", "notes")}
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    sidecar.write_text(json.dumps(said))


def test_a_trace_of_before_is_read_and_marked(path, tmp_path):
    now = read_trace(path)
    aged(path)
    before = read_trace(path)
    assert (before.requests, before.max_in_flight) == (now.requests, now.max_in_flight)
    assert before.sha256 == now.sha256 and not now.notes
    assert len(before.notes) == 1 and "format 1" in before.notes[0] and "here 2" in before.notes[0]
    before.write(tmp_path / "again.jsonl")
    assert read_trace(tmp_path / "again.jsonl") == before
    path.write_bytes(path.read_bytes().replace(b"[1,2]", b"[1,3]"))
    assert "is changed" in refusal(path)


def test_a_trace_of_a_later_format_is_refused_by_number(path):
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"format": 9, "more": 1}))
    assert "is of format 9" in refusal(path)


@pytest.mark.parametrize("changed", [{"scheduled_s": 1.0}, {"iteration": 1}])
def test_requests_out_of_order_are_refused_by_line(tmp_path, changed):
    path = tmp_path / "mine.jsonl"
    first, second = vars_of(ROW) | changed, vars_of(ROW) | {"id": 1}
    path.write_text(json.dumps(first) + "\n" + json.dumps(second) + "\n")
    assert "line 2: is due before the line above" in refusal(path, "all")


def test_a_later_turn_stands_below_the_turn_before(path, tmp_path):
    turns = [replace(ROW, id=0), replace(ROW, id=1, after=0), replace(ROW, id=2)]
    Trace(tuple(turns)).write(path)
    assert [each.after for each in read_trace(path).requests] == [None, 0, None]
    assert path.read_text().count('"after"') == 1
    mine = tmp_path / "mine.jsonl"
    for after in (0, 7):
        mine.write_text(json.dumps(vars_of(ROW) | {"after": after}) + "\n")
        assert f"line 1: comes after request {after}, which isn't above it" in refusal(mine, "all")


def test_half_a_character_in_a_trace_is_refused_by_line(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(vars_of(ROW) | {"prompt": "cut \ud83d"}) + "\n")
    assert "line 1" in refusal(path, "all")


def test_a_replay_needs_its_file_and_its_adapters(path, tmp_path):
    def replay(path):
        return ReplayedTrace(name="replay", path=path, warmup_iterations=1, text=True)

    replay(path).check(["b", "a"])
    with pytest.raises(UsageError, match="names the adapter 'a'; there are b, c"):
        replay(path).check(["b", "c"])
    with pytest.raises(UsageError, match="no such file"):
        replay(tmp_path / "absent.jsonl").check(["a"])
    with pytest.raises(UsageError, match="tokenised otherwise"):
        replay(path).trace(["a"], lambda text: [9])
