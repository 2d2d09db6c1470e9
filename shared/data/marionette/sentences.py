"""What the people of Marionette say: short English sentences of our own, rich in lip closures.

Each takes about 1.5 to 3.5 seconds to say. The same sentence is said by many voices, and no
sentence of one split is said in another.
"""

from __future__ import annotations

from dataclasses import dataclass

_TRAIN = """
My brother Bob bought a big blue boat.
Pam picked a purple plum from the plate.
Maybe the baker made more bread before breakfast.
We were waving while the warm wind blew.
Five fine fish were frying in the pan.
The old boat moved slowly over the bay.
Show me the shop where you found those shoes.
Three thin thieves thought they were clever.
Put the paper on top of the piano, please.
You said the moon would be full by Monday.
Her mother makes a marvellous mushroom soup.
A brown puppy jumped over the muddy puddle.
Why would anyone want so much pepper?
The judge changed his mind about the village.
Every evening the river looks like silver.
Do you believe that people improve with time?
My boots are wet because of the deep snow.
Please bring my umbrella, it may be raining.
He put both apples back into the basket.
The film was funny but a bit too long.
Papa keeps his pipes in a small metal box.
I never thought the weather could be this mild.
The goat chewed the rope and ran up the hill.
Bees buzz above the bright yellow flowers.
We could go to the park, or stay at home.
Mark your maps before you climb the mountain.
The camp was empty, apart from a lamp.
Both of my thumbs are numb from the cold.
She sells cheap chairs and very soft sofas.
A lamb jumped across the bumpy bridge.
Could you move your bag from the table?
The plumber came back with a bigger pump.
You have to try this orange marmalade.
Open the box and tip it on the bed.
They bought five big maps for their vacation.
The boy blew bubbles at the bathroom mirror.
Who knew that blue could look so grey?
Simple problems may have simple answers.
My father fixed the broken wooden gate.
The baby babbled and began to beam.
Remember to bump the table if it is broken.
Above the bar hung a picture of a ship.
I would rather walk along the harbour.
Many men hope to be home by the summer.
The number on the map must be wrong.
Push the button twice and pull the lever.
Her voice was very soft, very calm.
It was a magic moment for everybody.
Poor Emma dropped her phone in the pool.
The palm trees moved above the beach.
Each of the peaches was perfectly ripe.
What a wonderful, warm evening this has been.
They measured the beige garage twice.
Better to be poor than to be bored.
A big problem came up at the pharmacy.
Jim combed his beard before the interview.
Few families live above the old mill.
The bus stopped in the middle of the bridge.
Take a map, a lamp, and plenty of water.
Our new room has pale blue wallpaper.
People applauded when the band began to play.
The empty bottles made a beautiful sound.
My aunt grows apples, plums and berries.
We ate soup with butter and warm bread.
Is the bank open, or should I come back?
The moment she smiled, we all felt better.
Pull up your chair and have some pie.
How many of you have been to Poland?
The mayor promised more buses by May.
I saw a pair of swans below the dam.
Bring me the blue bowl, not the brown one.
No one noticed the mouse under the piano.
The oboe player was playing by ear.
Have you ever heard such a strange voice?
Maple syrup improves almost any pancake.
A fever made him feel weak and foolish.
Move over, please, there is room for both of us.
The lobby was empty but for a porter.
My knees ache after climbing up those steps.
He whispered something about a hidden room.
The opera began with a boom of drums.
Bake the ham until it is brown on top.
You may borrow my pen, but bring it back.
Whose jumper is this, and why is it wet?
We found a bomb shelter beneath the pub.
They hope to publish a book about bats.
The bishop blessed the new fishing boats.
A bowl of beans is enough for me.
I may be wrong, but the map looks old.
The humble worm improves every garden.
Put some more wood on the fire, would you?
""".strip().splitlines()

_VAL = """
The cab broke down beside the museum.
Paul built a model of the famous tower.
Have some more beef with your potatoes.
My pulse jumped when the phone rang.
We shall meet at the pier before noon.
The happy couple bought a farm in Maine.
Only the brave jump from that bridge.
A bumblebee landed upon my thumb.
Why did you move the piano upstairs?
The chef chopped fresh herbs for the fish.
My uncle repairs old radios for fun.
Both windows were open during the storm.
She put a ribbon on the parcel.
The wolf moved through the woods at dawn.
Poppy seeds make a plain loaf better.
You could see the volcano from the beach.
Perhaps the museum will open again.
The tiny room was full of paper boats.
Five members voted against the budget.
I hope my camera can be mended.
""".strip().splitlines()

_TEST = """
Bill mopped the floor while Pam washed up.
The purple balloon popped above the pub.
May I have a cup of mint tea, please?
A warm breeze moved the apple blossom.
They rowed the boat to the far shore.
Mum bought a pair of fluffy white gloves.
The jury thought about it for five hours.
Do not feed the pigeons by the fountain.
We paid double for a bumpy flight home.
The poem rhymes, but it makes no sense.
Every member brought a lamp and a map.
Show your ticket before you enter the zoo.
My favourite month is probably April.
The lumber mill burned down before my birth.
You would be amazed by what he built.
A pebble dropped into the deep pool.
Bob may be shy, but he plays the tuba.
Leave the jam and the bread on the table.
The thief chose the cheapest watch in the shop.
We moved from Prague to Bombay in a week.
""".strip().splitlines()


@dataclass(frozen=True)
class Sentence:
    """A sentence of the corpus.

    Attributes:
        id: ``s001`` and so on.
        text: What is said.
        split: ``train``, ``val`` or ``test``.
    """

    id: str
    text: str
    split: str


def _numbered() -> tuple[Sentence, ...]:
    lines = [(text, "train") for text in _TRAIN]
    lines += [(text, "val") for text in _VAL]
    lines += [(text, "test") for text in _TEST]
    return tuple(Sentence(f"s{i:03d}", text, split) for i, (text, split) in enumerate(lines, 1))


SENTENCES: tuple[Sentence, ...] = _numbered()
"""All sentences: about 70 % train, 15 % val, 15 % test."""


def sentences_of(split: str) -> tuple[Sentence, ...]:
    """Return the sentences of a split.

    Example:
        >>> len(sentences_of("train")) > 80, sentences_of("val")[0].split
        (True, 'val')
    """
    return tuple(sentence for sentence in SENTENCES if sentence.split == split)
