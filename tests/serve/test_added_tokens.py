"""Adapters trained with tokens added, behind the server, each as PEFT serves it alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from shutil import copytree

import pytest
from transformers import PreTrainedTokenizerFast

from pipeline.models.checkpoint import Checkpoint
from tests.added_tokens import TABLES, alone, save
from tests.conftest import ROOT
from tests.serve.asking import CHAT, asked, names, refused, streamed
from tests.serve.conftest import TEMPLATE, running
from tests.serve.test_json_constraint import BODY, keeps

TINY = ROOT / "pipeline" / "assets" / "tiny"
VOCABULARY, COUNT = 2048, 10
ROWS = {"wide": 2, "along": 2, "wider": 16}
TEXT = "the small<go> river<stop>"
EXACT = {"temperature": 0, "max_tokens": COUNT, "ignore_eos": True, "skip_special_tokens": False}
OWN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<go>{{ message['content'] }}<stop>{% endfor %}"
    "{% if add_generation_prompt %}<go>{% endif %}"
)
SAID = [{"role": "user", "content": "the small river"}]


@pytest.fixture(scope="module")
def base():
    return Checkpoint.open(TINY / "base")


@pytest.fixture(scope="module")
def root(base, tmp_path_factory):
    """`wide` has a chat template of its own, and `along` the same tokens without one."""
    root = tmp_path_factory.mktemp("adapters") / "with a space"
    whole = {"target_modules": ["q_proj"], "modules_to_save": TABLES}
    save(root / "wide", base, ["<go>", "<stop>"], **whole)
    save(root / "wider", base, ["<stop>", "<go>", "<more>"], ROWS["wider"], 1, **whole)
    save(root / "along", base, ["<go>", "<stop>"], seed=2, target_modules=["v_proj"])
    save(root / "plain", base, seed=3, target_modules=["q_proj", "down_proj"])
    (root / "wide" / "chat_template.jinja").write_text(OWN_TEMPLATE)
    return root


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "chat.jinja"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture(scope="module")
def mine(root, template, cache):
    mine = ("adapters=folder", f"adapters.path='{root}'", f"serve.chat_template={template}")
    with running(*mine, cache=cache) as started:
        yield started.client


@pytest.fixture(scope="module")
def repeating(root, cache):
    """Of engine=noop, which answers with the tokens of the prompt, one after the other."""
    adapters = ("adapters=folder", f"adapters.path='{root}'")
    with running("engine=noop", *adapters, cache=cache) as started:
        yield started.client


@pytest.fixture(scope="module")
def tokenizers(base, root):
    """Those that transformers reads."""
    folders = {"tiny": base.folder, "plain": base.folder, **{name: root / name for name in ROWS}}
    return {name: PreTrainedTokenizerFast.from_pretrained(each) for name, each in folders.items()}


@pytest.fixture(scope="module")
def by_peft(base, root, tokenizers):
    """By name: ids of the prompt, and PEFT's of the answer."""
    found = {}
    for name, tokenizer in tokenizers.items():
        prompt = tokenizer(TEXT)["input_ids"]
        folder = None if name == "tiny" else root / name
        found[name] = prompt, alone(base, folder, ROWS.get(name, 0), prompt, COUNT)[0]
    return found


def test_each_is_read_and_answered_as_by_peft_with_its_own_tokens(mine, by_peft, tokenizers):
    """All at once, so that they share steps."""
    assert {*names(mine)} == {*tokenizers}
    body = {"prompt": TEXT, **EXACT, "return_token_ids": True}
    with ThreadPoolExecutor() as pool:
        told = pool.map(lambda name: asked(mine, model=name, **body), tokenizers)
    for (name, tokenizer), whole in zip(tokenizers.items(), told, strict=True):
        (choice,) = whole["choices"]
        assert (choice["prompt_token_ids"], choice["token_ids"]) == by_peft[name]
        assert (max(choice["prompt_token_ids"]) >= VOCABULARY) == (name in ROWS)
        assert choice["text"] == tokenizer.decode(choice["token_ids"])
        pieces = streamed(mine, model=name, **body)
        assert "".join(each["choices"][0]["text"] for each in pieces) == choice["text"]


def test_so_it_is_by_peft_hotswap_behind_the_server(root, cache, by_peft, tokenizers, tmp_path):
    for name in ("wide", "plain"):
        copytree(root / name, tmp_path / name)
    few = ("adapters=folder", f"adapters.path={tmp_path}")
    with running("engine=peft_hotswap", *few, cache=cache) as started:
        for name in ("wide", "tiny", "plain"):
            told = asked(started.client, model=name, prompt=TEXT, **EXACT, return_token_ids=True)
            assert told["choices"][0]["token_ids"] == by_peft[name][1]
            assert told["choices"][0]["text"] == tokenizers[name].decode(by_peft[name][1])


@pytest.mark.parametrize("name", ["wide", "wider"])
def test_tokens_that_were_added_are_text_that_can_be_told_and_stopped_at(repeating, name):
    body = {"model": name, "prompt": TEXT, **EXACT, "max_tokens": 8}
    ids = asked(repeating, "/tokenize", model=name, prompt=TEXT)["tokens"]
    repeated = (ids * 8)[:8]
    whole = asked(repeating, "/detokenize", model=name, tokens=repeated)["prompt"]
    assert "<go>" in whole
    assert asked(repeating, **body)["choices"][0]["text"] == whole
    pieces = streamed(repeating, **body)
    assert "".join(each["choices"][0]["text"] for each in pieces) == whole
    unsaid = asked(repeating, **body | {"skip_special_tokens": True})["choices"][0]["text"]
    assert "<" not in unsaid and unsaid.startswith("the small river")
    stopped = asked(repeating, **body, stop=["<go>"])["choices"][0]
    assert (stopped["text"], stopped["stop_reason"]) == ("the small", "<go>")
    by_id = asked(repeating, **body, stop_token_ids=[max(ids)])["choices"][0]
    assert by_id["stop_reason"] == max(ids)
    told = asked(repeating, **body, echo=True)["choices"][0]["text"]
    assert told == TEXT + whole
    by_ids = asked(repeating, **body | {"prompt": ids}, echo=True)["choices"][0]["text"]
    assert by_ids == "the small river" + whole


def test_log_probabilities_are_told_by_its_tokens(mine, tokenizers):
    body = {"model": "wide", "prompt": TEXT, **EXACT, "max_tokens": 4, "return_token_ids": True}
    told = asked(mine, **body, logprobs=3, echo=True)["choices"][0]
    ids = [*told["prompt_token_ids"], *told["token_ids"]]
    said = told["logprobs"]
    assert said["tokens"] == [tokenizers["wide"].decode([id_]) for id_ in ids]
    assert "<go>" in said["tokens"] and len(said["token_logprobs"]) == len(ids)
    assert all(each <= 0 for each in said["token_logprobs"][1:])
    chat = {"model": "wide", "messages": SAID, "temperature": 0, "max_tokens": 3}
    told = asked(mine, CHAT, **chat, return_token_ids=True, logprobs=True, top_logprobs=2)
    (choice,) = told["choices"]
    found = [each["token"] for each in choice["logprobs"]["content"]]
    assert found == [tokenizers["wide"].decode([id_]) for id_ in choice["token_ids"]]


def test_ids_are_held_against_the_vocabulary_of_whoever_is_asked(mine):
    for name, size in (("tiny", 2048), ("plain", 2048), ("wide", 2050), ("wider", 2064)):
        body = {"model": name, "prompt": [5, size - 1], "temperature": 0, "max_tokens": 2}
        assert asked(mine, **body)["choices"]
        error = refused(mine, **body | {"prompt": [5, size]})
        assert f"vocabulary of {size}" in error["message"] and error["param"] == "prompt"
        assert refused(mine, "/detokenize", model=name, tokens=[size])["param"] == "tokens"
        asked(mine, "/detokenize", model=name, tokens=[size - 1])
    assert asked(mine, "/detokenize", model="wide", tokens=[2048])["prompt"] == "<go>"
    assert asked(mine, "/detokenize", model="wider", tokens=[2048])["prompt"] == "<stop>"
    strings = asked(mine, "/tokenize", model="wide", prompt="<go>", return_token_strs=True)
    assert strings["token_strs"] == ["<go>"] and strings["tokens"] == [2048]


def test_a_conversation_is_read_by_its_own_template_or_the_bases(mine, tokenizers):
    own = asked(mine, "/tokenize", model="wide", messages=SAID)["tokens"]
    expected = tokenizers["wide"].apply_chat_template(
        SAID, chat_template=OWN_TEMPLATE, add_generation_prompt=True, return_dict=False
    )
    assert own == expected and own.count(2048) == 2
    for name in ("along", "plain", None):
        ids = asked(mine, "/tokenize", model=name, messages=SAID)["tokens"]
        text = asked(mine, "/detokenize", model=name, tokens=ids)["prompt"]
        assert text == "user: the small river\nassistant:"
    told = asked(mine, CHAT, model="wide", messages=SAID, **EXACT)["choices"][0]["message"]
    plain = asked(mine, model="wide", prompt=own, **EXACT)["choices"][0]["text"]
    assert told["content"] == plain


def test_without_a_template_of_anybody_a_conversation_is_refused(repeating):
    body = {"messages": SAID, "temperature": 0, "max_tokens": 3}
    assert asked(repeating, CHAT, model="wide", **body)["choices"]
    for name in ("along", "tiny"):
        assert "no chat template" in refused(repeating, CHAT, model=name, **body)["message"]


def test_answers_that_have_to_be_json_beside_others(mine):
    """The rows of those with few tokens are as wide as the widest's."""
    with ThreadPoolExecutor() as pool:
        told = pool.map(
            lambda name: asked(mine, **BODY, model=name, temperature=2, seed=3),
            ["tiny", "wide", "wider", "along", "plain"],
        )
    for each in told:
        assert keeps(each["choices"][0]["text"])
    form = {"type": "json_schema", "json_schema": {"schema": {"enum": ["<go>"]}}}
    said = asked(mine, **BODY | {"response_format": form}, model="wide", temperature=0)
    assert json.loads(said["choices"][0]["text"]) == "<go>"


@pytest.fixture
def changing(root, template, cache, tmp_path):
    """Serves `wide`; the others may come, and one with another template and one without a sound."""
    copytree(root / "wide", tmp_path / "first" / "wide")
    rest = tmp_path / "the rest"
    copytree(root, rest)
    for name, said in (("again", "again: " + OWN_TEMPLATE), ("broken", "{% if %}")):
        copytree(root / "along", rest / name)
        (rest / name / "chat_template.jinja").write_text(said)
    mine = ("adapters=folder", f"adapters.path={tmp_path / 'first'}")
    runtime = ("serve.allow_runtime_adapters=true", f"serve.adapter_root='{rest}'")
    with running(*mine, *runtime, f"serve.chat_template={template}", cache=cache) as started:
        yield started.client


def test_whose_tokens_are_known_comes_and_goes(changing, by_peft, tokenizers):
    def change(kind, name, path="", **said):
        body = {"lora_name": name, "lora_path": path, **said}
        answer = changing.post(f"/v1/{kind}_lora_adapter", json=body)
        return answer.text if answer.status_code == 200 else answer.json()["error"]["message"]

    def answered(name):
        told = asked(changing, model=name, prompt=TEXT, **EXACT, return_token_ids=True)
        (choice,) = told["choices"]
        assert choice["text"] == tokenizers["along"].decode(choice["token_ids"])
        return choice["prompt_token_ids"], choice["token_ids"]

    def read(name):
        ids = asked(changing, "/tokenize", model=name, messages=SAID)["tokens"]
        return asked(changing, "/detokenize", model=name, tokens=ids)["prompt"]

    assert answered("wide") == by_peft["wide"]
    assert "Success" in change("load", "late", "along")
    assert answered("late") == by_peft["along"]
    assert read("late") == "user: the small river\nassistant:"
    assert "Success" in change("load", "wider", "wider")
    assert refused(changing, status=400, model="wider", prompt=[5, 2064], **EXACT)["message"]
    told = asked(changing, model="wider", prompt=TEXT, **EXACT, return_token_ids=True)
    (choice,) = told["choices"]
    assert (choice["prompt_token_ids"], choice["token_ids"]) == by_peft["wider"]
    assert choice["text"] == tokenizers["wider"].decode(choice["token_ids"])
    assert answered("late") == by_peft["along"]
    assert "has stood for" in change("load", "late", "plain", load_inplace=True)
    assert "has stood for" in change("load", "wide", "plain", load_inplace=True)
    assert "chat template isn't one" in change("load", "late", "broken", load_inplace=True)
    assert read("late") == "user: the small river\nassistant:"
    assert "Success" in change("load", "late", "again", load_inplace=True)
    assert read("late").startswith("again: <s><go>the small river<stop><go>")
    assert "Success" in change("load", "plain", "plain")
    assert "Success" in change("unload", "late")
    refused(changing, status=404, model="late", prompt=TEXT)
    assert "Success" in change("load", "late", "along")
    assert answered("late") == by_peft["along"] and answered("wide") == by_peft["wide"]
    assert names(changing) == ["tiny", "wide", "wider", "plain", "late"]
