"""The page stands alone, shows everything and trusts nobody."""

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.compare.comparison import assemble
from pipeline.compare.report.page import write
from pipeline.tracking.run_directory import RunDirectory

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements close in order; keeps attributes and text."""

    def __init__(self, html: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what has to be closed."""
        self.attributes += [(name, value or "") for name, value in attrs]
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An SVG shape."""
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """What closes was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


@pytest.fixture
def page(report: Path) -> Page:
    """The report of the synthetic sweep."""
    return Page(report.read_text(encoding="utf-8"))


def test_well_formed(page: Page) -> None:
    assert page.open == []
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_references_stay_in_the_page(page: Page) -> None:
    ids = {value for name, value in page.attributes if name == "id"}
    for name, value in page.attributes:
        if name in {"src", "href", "xlink:href", "action", "data"}:
            assert value.removeprefix("#") in ids
        for target in re.findall(r"url\(([^)]*)\)", value):
            assert target.removeprefix("#") in ids
        if not name.startswith("xmlns"):
            assert "://" not in value
    assert page.tags["link"] == page.tags["img"] == 0


def test_a_browser_is_told_to_load_nothing_and_to_run_one_script(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy[1].startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy[1]


def test_every_plot_has_a_heading_and_a_label(page: Page) -> None:
    labels = [value for name, value in page.attributes if name == "aria-label"]
    roles = [value for name, value in page.attributes if name == "role"]
    assert page.tags["figure"] == page.tags["svg"] == roles.count("img") > 10
    assert len(labels) >= page.tags["svg"]
    assert all(len(label) > 8 for label in labels if label != "Sections")


def test_it_leads_with_one_sentence(page: Page) -> None:
    text = page.text.replace("\u00a0", " ")
    assert re.search(
        r"multilora makes \S+ × the output tokens per second of peft_hotswap, over 3 pairs of runs "
        r"of the same traces, one repeat, so without an interval\.",
        text,
    )
    assert text.index("multilora makes") < text.index("Throughput")


def test_where_nothing_was_found_it_says_what_would_have_been(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    for repeat, speed in enumerate((98.0, 102.0, 101.0)):
        for place, engine, value in (("a", "merged", 100.0), ("b", "multilora", speed)):
            path = tmp_path / f"{place}{repeat}"
            make_run(path, engine, repeat=repeat, metrics={"output_tokens_per_s": value})
    report = write(assemble([tmp_path]))
    text = Page(report.read_text()).text.replace("\u00a0", " ")
    said = "(5.7 % or more would have shown)"
    assert f"between multilora and merged {said}: 1.00 × (95 % 0.95–1.06)" in text
    assert f"no difference found {said}" in text
    overall = json.loads(report.with_name("comparison.json").read_text())["overall"]["multilora"]
    assert overall["verdict"] == "no difference found"
    assert overall["would_have_shown"] == pytest.approx(0.0564, abs=1e-4)


def test_every_run_is_on_the_page(page: Page) -> None:
    for run in range(12):
        assert re.search(rf"\b{run}\b\s*(VALID|FAILED|INVALID|NEVER RAN)", page.text)
    for words in ("dispatch lag p99 80 ms; 2 requests failed", "its directory was never made"):
        assert words in page.text
    assert "Some CPU @ 2.50GHz" in page.text
    assert "make ui" in page.text


def test_untrusted_text_is_escaped(page: Page) -> None:
    assert "RuntimeError: <script>alert(1)</script> [red]" in page.text
    assert page.tags["script"] == 1


def test_hostile_adapter_names(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = RunDirectory(make_run(tmp_path / "run"))
    rows = run.path / "requests.jsonl"
    rows.write_text(rows.read_text().replace('"pirate"', '"<script>$\\\\frac{</svg> \u6f22"'))
    page = Page(write(assemble([run.path])).read_text(encoding="utf-8"))
    assert page.tags["script"] == 1
    assert "<script>$\\frac{</svg>" in page.text


def test_columns_explain_themselves(page: Page) -> None:
    assert "Time from the scheduled arrival to the first token (s; lower is better)." in page.text
    tips = [value for name, value in page.attributes if (name, value) == ("role", "tooltip")]
    assert len(tips) > 20


def test_figures(page: Page) -> None:
    for heading in ("Throughput", "Latency per batch", "Where the time goes", "by adapter"):
        assert heading in page.text


def test_a_large_sweep_makes_a_light_page(tmp_path: Path, make_sweep: Callable[..., Path]) -> None:
    engines = ("peft_hotswap", "merged", "llama_cpp", "multilora")
    sweep = make_sweep(tmp_path / "s", engines, batches=(1, 4, 8), repeats=(0, 1, 2))
    assert write(assemble([sweep])).stat().st_size < 2_000_000


def test_the_same_runs_give_the_same_page(report: Path) -> None:
    first = report.read_text()
    assert write(assemble([report.parent])).read_text() == first


@pytest.mark.parametrize(
    ("alphas", "batches"), [((None,), (8,)), ((1.0,), (4, 8)), ((None, 1.0, 2.0), (8,))]
)
def test_sweeps_of_other_shapes(
    tmp_path: Path,
    make_sweep: Callable[..., Path],
    alphas: tuple[float | None, ...],
    batches: tuple[int, ...],
) -> None:
    report = write(assemble([make_sweep(tmp_path / "s", alphas=alphas, batches=batches)]))
    assert Page(report.read_text()).tags["svg"] >= 5


def test_a_sweep_in_which_everything_died(tmp_path: Path, make_sweep: Callable[..., Path]) -> None:
    sweep = make_sweep(tmp_path / "s", ("merged",), (1.0,), (4,), broken={0: None})
    page = Page(write(assemble([sweep])).read_text())
    assert "no run finished and is valid" in page.text
    assert page.tags["svg"] == 0


def test_the_numbers_for_machines(report: Path) -> None:
    document = json.loads(report.with_name("comparison.json").read_text())
    assert document["baseline"] == "peft_hotswap"
    assert document["overall"]["multilora"]["pairs"] == 3
    assert Counter(row["verdict"] for row in document["rows"])["VALID"] == 9
    assert len(document["runs"]) == 12


def test_profiles_say_how_to_open_them(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    run = RunDirectory(make_run(tmp_path / "run"))
    assert "Profiles" not in Page(write(assemble([run.path])).read_text()).text
    torch = {
        "artifacts": {"torch_trace.json.gz": "load it at https://ui.perfetto.dev"},
        "figures": {"profiler_slowdown/torch": 1.42},
        "notes": [],
    }
    perf = {"artifacts": {}, "figures": {}, "notes": ["no counters <b>here</b>"]}
    run.write_json("profile/README.json", {"torch": torch, "perf": perf})
    page = Page(write(assemble([run.path])).read_text())
    assert page.open == []
    words = "torch_trace.json.gz load it at https://ui.perfetto.dev"
    for said in ("Profiles", words, "1.42×", "no counters <b>here</b>", "/profile"):
        assert said in page.text
    assert page.tags["b"] == 0


class Parts(HTMLParser):
    """The text of each table cell, and what lies inside folded parts."""

    def __init__(self, html: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.folds = 0
        self.figures: Counter[bool] = Counter()
        self.captions: list[str] = []
        self.reading = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count figures by whether they are folded away."""
        self.folds += tag == "details"
        self.figures[self.folds > 0] += tag == "figure"
        self.reading = tag == "figcaption"
        if self.reading:
            self.captions.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave a folded part."""
        self.folds -= tag == "details"
        self.reading = self.reading and tag != "figcaption"

    def handle_data(self, data: str) -> None:
        """Keep the titles of figures."""
        if self.reading:
            self.captions[-1] += data


@pytest.fixture(scope="module")
def of_unlike(unlike: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of runs that have little in common."""
    return write(assemble([unlike], tmp_path_factory.mktemp("page") / "unlike.html"))


def test_unlike_runs_make_a_page_of_few_figures_with_short_titles(of_unlike: Path) -> None:
    html = of_unlike.read_text(encoding="utf-8")
    parts = Parts(html)
    assert 3 <= parts.figures[False] <= 16
    assert sum(parts.figures.values()) <= 60
    assert max(map(len, parts.captions)) <= 80
    heights = [float(each) for each in re.findall(r'viewBox="0 0 \S+ ([\d.]+)"', html)]
    assert len(heights) == sum(parts.figures.values())
    assert max(heights) < 420
    assert sum(heights[: parts.figures[False]]) < 3000


def test_unlike_runs_say_the_usual_once_and_what_is_drawn(of_unlike: Path) -> None:
    page = Page(of_unlike.read_text(encoding="utf-8"))
    assert page.open == []
    assert "Unless said: alpha 1, batch 4, threads 2" in page.text
    assert "Drawn below are 10 of" in page.text
    assert re.search(r"more plots\s+Latency per batch", page.text)
    assert "arrivals poisson, rate 20" in page.text
    assert "RuntimeError: cause 5" in page.text
    assert page.tags["script"] == 1


def test_the_table_on_a_phone_has_the_settings_beneath_the_engine(of_unlike: Path) -> None:
    html = of_unlike.read_text(encoding="utf-8")
    narrow = re.search(r"@media \(max-width: 40rem\) \{(.*?)\n\}", html, re.DOTALL)
    assert narrow
    assert ".setting, .besides { display: none; }" in narrow[1]
    assert ".narrow { display: block; }" in narrow[1]
    body = html.split("<tbody>")[1].split("</tbody>")[0]
    assert body.count('<small class="narrow">') == 57
    first = re.search(r"<th scope=\"row\">.*?</th>(.*?)</tr>", body, re.DOTALL)
    assert first
    shown = re.sub(r'<td class="setting">.*?</td>', "", first[1], flags=re.DOTALL)
    assert shown.strip().startswith('<td class="bar"')


def test_what_the_adapters_say_is_told_once_and_escaped(spoken: Path) -> None:
    html = write(assemble([spoken])).read_text(encoding="utf-8")
    assert "<b>matey" not in html and "<i>are" not in html
    page = Page(html)
    answer = r"Ahoy <b>matey</b> \x1b[31m"
    text = " ".join(page.text.split())
    assert "What the adapters say" in text
    assert "Who <i>are</i> you, 0?" in text
    assert f"{answer} merged, multilora" in text
    assert "Aye llama_cpp" in text


def test_runs_without_texts_say_nothing(report: Path) -> None:
    assert "What the adapters say" not in report.read_text(encoding="utf-8")


def test_the_metric_that_was_asked_for_is_in_the_table(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    for engine in ("merged", "multilora"):
        make_run(tmp_path / engine, engine, metrics={"e2e_s/p50": 0.25})
    report = write(assemble([tmp_path], metric="e2e_s/p50"))
    text = Page(report.read_text(encoding="utf-8")).text
    assert "e2e_s/p50, times merged" in text
    assert re.search(r"e2e_s/p50\s*Time from the scheduled arrival to the last token", text)
    rows = json.loads(report.with_name("comparison.json").read_text())["rows"]
    assert [row["mean"]["e2e_s/p50"] for row in rows] == [0.25, 0.25]
