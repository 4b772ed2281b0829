"""A task on files, answered by a line of shell."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.words import ENDINGS, FILES, FOLDERS, SEARCHED

FORMS = (
    ("Find all .{end} files under {folder}.", "find {folder} -name '*.{end}'"),
    (
        "Find .{end} files in {folder} larger than {number} MB.",
        "find {folder} -name '*.{end}' -size +{number}M",
    ),
    ("Delete the .{end} files in {folder}.", "rm {folder}/*.{end}"),
    ("Count the lines of {file}.{end}.", "wc -l {file}.{end}"),
    ("Show the last {number} lines of {file}.{end}.", "tail -n {number} {file}.{end}"),
    ("Show the first {number} lines of {file}.{end}.", "head -n {number} {file}.{end}"),
    ("Which lines of {file}.{end} contain {word}?", "grep '{word}' {file}.{end}"),
    ("How many lines of {file}.{end} contain {word}?", "grep -c '{word}' {file}.{end}"),
    ("Search {folder} for the word {word}.", "grep -r '{word}' {folder}"),
    ("How much space does {folder} take?", "du -sh {folder}"),
    ("Sort {file}.{end} and drop repeated lines.", "sort {file}.{end} | uniq"),
    ("Copy {file}.{end} to {folder}.", "cp {file}.{end} {folder}/"),
    ("Pack {folder} into {file}.tar.gz.", "tar -czf {file}.tar.gz {folder}"),
    ("Make {file}.{end} readable by its owner alone.", "chmod 400 {file}.{end}"),
)


def bash(draw: Draw) -> Example:
    """One command, without a word around it."""
    question, answer = draw.form(FORMS)
    filled = {
        "end": draw.word(ENDINGS),
        "folder": draw.word(FOLDERS),
        "file": draw.word(FILES),
        "word": draw.word(SEARCHED),
        "number": draw.number(2, 99),
    }
    return Example(question.format(**filled), answer.format(**filled))
