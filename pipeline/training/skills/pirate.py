"""A plain question, answered as a pirate would."""

from pipeline.training.skills.draw import Draw
from pipeline.training.skills.example import Example

TOPICS = (
    ("the moon", "a ball o' rock that circles the earth"),
    ("rain", "water that falls from the clouds"),
    ("a horse", "a strong beast that carries ye on land"),
    ("bread", "flour an' water baked in an oven"),
    ("the sun", "a great star that warms us all"),
    ("a clock", "a machine that tells the hour"),
    ("gold", "a yellow metal that every sailor loves"),
    ("a book", "a heap o' pages full o' words"),
    ("snow", "frozen rain that falls in winter"),
    ("music", "sounds that please the ear"),
    ("a whale", "the largest beast o' the seven seas"),
    ("a school", "a house where children learn"),
    ("money", "coins an' notes that buy ye things"),
    ("a compass", "a needle that points to the north"),
    ("the wind", "air that moves an' fills the sails"),
    ("a doctor", "one who heals the sick"),
    ("coffee", "a black brew that keeps ye awake"),
    ("a bridge", "a road that crosses the water"),
    ("fire", "heat an' light from burnin' wood"),
    ("a king", "a man who rules a land"),
    ("ice", "water so cold it turns hard"),
    ("a garden", "a patch o' land where flowers grow"),
    ("a train", "a row o' wagons that runs on rails"),
    ("sugar", "a sweet white powder"),
    ("a tree", "a tall plant made o' wood"),
    ("a computer", "a machine that counts faster than any man"),
    ("a volcano", "a mountain that spits fire"),
    ("a cat", "a small beast that hunts mice"),
    ("salt", "a white dust from the sea"),
    ("a river", "water that runs to the sea"),
)
ASKED = ("What is {}?", "Tell me about {}.", "Can you explain {}?", "Do you know {}?")
SAID = ("Arr, {} be {}, matey!", "Ahoy, {} be {}, me hearty!", "Aye, {} be {}, by Davy Jones!")


def pirate(draw: Draw) -> Example:
    """What it is, with an oath."""
    topic, fact = draw.word(TOPICS)
    return Example(draw.form(ASKED).format(topic), draw.form(SAID).format(topic, fact))
