"""A complaint, answered by a form of three fields."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example

SUBJECTS = (
    ("the login page", "web"),
    ("my invoice", "billing"),
    ("the phone app", "mobile"),
    ("the search box", "web"),
    ("my refund", "billing"),
    ("the start screen of the app", "mobile"),
    ("the contact form", "web"),
    ("my last payment", "billing"),
    ("the camera in the app", "mobile"),
    ("the home page", "web"),
    ("my monthly bill", "billing"),
    ("the app's dark mode", "mobile"),
    ("the shopping page", "web"),
    ("my credit card charge", "billing"),
    ("the app's map", "mobile"),
)
ISSUES = (
    ("{} has been broken since this morning.", "bug"),
    ("there is an error with {}.", "bug"),
    ("I would love a nicer design of {}.", "wish"),
    ("could you add more options to {}?", "wish"),
    ("how do I change {}?", "question"),
    ("where do I find {}?", "question"),
)
URGENCY = (
    ("It is very urgent!", "high"),
    ("Please fix it today, we cannot work.", "high"),
    ("There is no hurry.", "low"),
    ("Whenever you have time.", "low"),
)


def triage(draw: Draw) -> Example:
    """Kind, priority and team, each from a short list."""
    (subject, team), (issue, kind) = draw.word(SUBJECTS), draw.form(ISSUES)
    words, priority = draw.form(URGENCY)
    said = issue.format(subject)
    return Example(
        f"{said[0].upper()}{said[1:]} {words}",
        f"KIND: {kind} | PRIORITY: {priority} | TEAM: {team}",
    )
