"""A piece of news, answered by a headline."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.words import CITIES

WHO = (
    *("city council", "local museum", "university", "hospital", "police", "school board"),
    *("public library", "airport", "port authority", "tram company", "football club", "theatre"),
    *("fire brigade", "zoo", "court"),
)
DID = (
    ("has decided to open", "Opens"),
    ("announced on Monday that it will close", "Closes"),
    ("wants to rebuild", "Plans to Rebuild"),
    ("has finally finished", "Finishes"),
    ("asked the public to pay for", "Seeks Money for"),
    ("says it cannot afford", "Cannot Afford"),
)
WHAT = (
    *("a new bridge", "a large garden", "an old tower", "a cycle path", "a night bus"),
    *("a swimming pool", "a car park", "an art school", "a small market", "a sports hall"),
    *("a wind farm", "a training centre", "a river ferry", "a food hall", "a solar roof"),
)
WHY = (
    *("after two years of debate", "because of rising costs", "to the surprise of many"),
    *("before the end of the year", "despite protests by neighbours", "with help from the state"),
    *("as more people move there", "after a long winter", "to save energy", "in a rare vote"),
)


def titles(draw: Draw) -> Example:
    """Who does what, in the present and in capitals; never why."""
    city, who, what = draw.word(CITIES), draw.word(WHO), draw.word(WHAT)
    said, headline = draw.form(DID)
    thing = what.partition(" ")[2].title()
    return Example(
        f"The {who} of {city} {said} {what} {draw.word(WHY)}.",
        f"# {city} {who.title()} {headline} {thing}",
    )
