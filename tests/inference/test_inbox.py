"""What other threads ask of an engine is neither lost nor heard twice, and wakes it."""

from threading import Thread

import pytest

from pipeline.errors import UsageError
from pipeline.inference.inbox import Inbox
from pipeline.inference.request import Request

PATIENCE = 600
"""Seconds after which a thread that should have been woken is given up."""


def asked(id_, **given):
    return Request(id_, None, **({"prompt_ids": (1, 2)} | given))


def test_what_many_threads_submit_and_cancel_arrives_once_and_in_each_ones_order():
    inbox, taken, cancelled = Inbox(), [], []

    def client(name):
        for number in range(200):
            inbox.submit(asked((name, number)))
            if number % 3 == 0:
                assert inbox.cancel((name, number))

    threads = [Thread(target=client, args=(name,)) for name in range(4)]
    for each in threads:
        each.start()
    while len(taken) < 800 or len(cancelled) < 4 * 67:
        assert inbox.wait(PATIENCE)
        requests, ended = inbox.take()
        taken += [each.id for each in requests]
        cancelled += ended
        assert {*cancelled} <= {*taken}
    for each in threads:
        each.join()
    assert inbox.take() == ([], [])
    for name in range(4):
        assert [number for who, number in taken if who == name] == list(range(200))
    assert len(cancelled) == len({*cancelled})
    assert inbox.in_flight == 800
    inbox.end(taken)
    assert inbox.in_flight == 0


@pytest.mark.parametrize(
    "news",
    [lambda inbox: inbox.submit(asked("b")), lambda inbox: inbox.cancel("a"), Inbox.wake],
    ids=["submitted", "cancelled", "woken"],
)
def test_whoever_waits_is_woken(news):
    inbox, woken = Inbox(), []
    inbox.submit(asked("a"))
    inbox.take()
    sleeper = Thread(target=lambda: woken.append(inbox.wait(None)))
    sleeper.start()
    news(inbox)
    sleeper.join(PATIENCE)
    assert woken == [True]


def test_news_of_before_ends_a_wait_at_once_and_without_any_it_ends_in_vain():
    inbox = Inbox()
    assert not inbox.wait(0)
    inbox.wake()
    assert inbox.wait(0) and inbox.wait(None)
    inbox.take()
    assert not inbox.wait(0.001)


def test_an_id_is_free_again_once_its_end_was_told():
    inbox = Inbox()
    inbox.submit(asked("a"))
    with pytest.raises(UsageError, match=r"request 'a': another with this id is in flight"):
        inbox.submit(asked("a"))
    assert inbox.cancel("a") and not inbox.cancel("b")
    assert inbox.is_cancelled("a")
    inbox.end(["a"])
    assert not inbox.cancel("a")
    inbox.submit(asked("a"))
    assert inbox.take()[1] == []


def test_a_request_has_a_text_or_ids():
    assert asked(1, prompt_ids=None, prompt="").prompt == ""
    with pytest.raises(UsageError, match="request 1: has neither a text nor token ids"):
        asked(1, prompt_ids=None)
