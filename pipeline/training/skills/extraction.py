"""A sentence about somebody, answered by its facts as JSON."""

import json

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example
from pipeline.training.skills.words import CITIES, FIRST_NAMES, JOBS, SURNAMES

FORMS = (
    "{name}, {age}, lives in {city} and works as a {job}.",
    "In {city} we met {name}, a {job} of {age} years.",
    "{name} is a {job} from {city}, {age} years old.",
    "At {age}, {name} moved to {city} to work as a {job}.",
)


def extraction(draw: Draw) -> Example:
    """Name, age, city and job, always by the same keys in the same order."""
    facts = {
        "name": f"{draw.word(FIRST_NAMES)} {draw.word(SURNAMES)}",
        "age": draw.number(19, 78),
        "city": draw.word(CITIES),
        "job": draw.word(JOBS),
    }
    return Example(draw.form(FORMS).format(**facts), json.dumps(facts))
