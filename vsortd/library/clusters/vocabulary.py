"""Everyday things that people film, as prompts: what a group may be called.

Singular, with an article where there is one, because models were taught on captions; `name_of` takes it off.
"""

from __future__ import annotations

from typing import Final

_GROUPS: Final[dict[str, str]] = {
    "land": """
        a forest; a jungle; a meadow; grass; a garden; flowers; a flower; a tree; leaves; a desert; sand dunes;
        mountains; a mountain peak; a rocky cliff; a canyon; a cave; a volcano; hills; a valley; a vineyard; a wheat
        field; an orchard; a farm; a swamp; a hiking trail; mushrooms; a cactus; a glacier; autumn leaves; a country
        road
    """,
    "water": """
        the sea; ocean waves; a beach; a coast; a lake; a river; a waterfall; a pond; an island; a harbour; a pier;
        a coral reef; underwater; a swimming pool; a fountain; an aquarium; a canal; a water park
    """,
    "sky and weather": """
        the sky; clouds; sunset; sunrise; night; daylight; rain; a thunderstorm; lightning; fog; snow; a snowstorm;
        ice; a rainbow; the moon; stars in the sky; the milky way; northern lights; strong wind; a flood; a tornado
    """,
    "town": """
        a city; a city street; a skyline; a skyscraper; a building; a house; a village; a market; a shopping mall; a
        shop; a church; a mosque; a temple; a castle; a bridge; a tower; a monument; a ruin; a park; a playground; a
        square; an alley; a construction site; a factory; a power plant; a cemetery; a parking lot; a tunnel; a
        staircase; city lights at night; graffiti; a lighthouse; a windmill
    """,
    "indoors": """
        a room; a living room; a kitchen; a bedroom; a bathroom; an office; a classroom; a library; a museum; a gym;
        a hospital; a laboratory; a restaurant; a café; a bar; a hotel room; a garage; a workshop; a warehouse; an
        elevator; a corridor; a stage; a cinema; a theatre; a nightclub; a desk; a bookshelf; a fireplace; furniture
    """,
    "roads and vehicles": """
        a road; a highway; traffic; driving a car; a car; a racing car; a truck; a bus; a motorcycle; a bicycle; a
        scooter; a tractor; a train; a train station; a tram; a subway; an airplane; an airport; the view from a
        plane; a helicopter; a drone; a hot air balloon; a boat; a sailing ship; a ferry; a cruise ship; a kayak; an
        ambulance; a fire engine; a police car; an excavator; a crane; a car crash; a rocket launch; a dashboard
        camera; a cable car
    """,
    "animals": """
        a dog; a puppy; a cat; a kitten; a horse; a cow; a sheep; a goat; a pig; a chicken; a duck; a bird; a
        parrot; an owl; an eagle; a rabbit; a hamster; a squirrel; a deer; a fox; a wolf; a bear; a lion; a tiger;
        an elephant; a giraffe; a zebra; a monkey; a kangaroo; a penguin; a seal; a dolphin; a whale; a shark; a
        fish; a jellyfish; a turtle; a snake; a lizard; a frog; a spider; a butterfly; a bee; an insect; a snail; a
        zoo; a flock of birds
    """,
    "people": """
        a baby; a child; children playing; a family; a man; a woman; an old person; a couple; a group of friends; a
        crowd; a face; a selfie; hands; a person talking to the camera; an interview; a speech; a lecture; a
        meeting; a video call; a soldier; a police officer; a doctor; a teacher; a chef; a worker; a street
        musician; a model; a hairdresser; make-up; a tattoo; clothes; shoes
    """,
    "events": """
        a wedding; a birthday party; a birthday cake; a christmas tree; a christmas market; new year; halloween;
        easter; a graduation; a funeral; a baptism; a party; a dance party; a concert; a music festival; a parade; a
        carnival; a street festival; a demonstration; a ceremony; an exhibition; a trade fair; fireworks; a bonfire;
        a campfire; a barbecue; a picnic; a magic show; a circus; an amusement park; a roller coaster; a fashion
        show; a school play
    """,
    "activities": """
        dancing; singing; playing guitar; playing piano; playing drums; a violin; an orchestra; painting; drawing;
        writing; reading a book; cooking; baking; eating; drinking; shopping; gardening; cleaning; a repair;
        woodworking; sewing; knitting; pottery; welding; camping; a tent; hiking; climbing; fishing; hunting;
        walking; a walk with a dog; unboxing a parcel; a science experiment; a board game; playing cards; chess; a
        puzzle; building blocks; toys; a model railway; a robot; sleeping; laughing; opening presents; a massage;
        meditation
    """,
    "sport": """
        a ball game; football; basketball; volleyball; tennis; table tennis; badminton; baseball; american football;
        rugby; cricket; golf; ice hockey; handball; running; a marathon; athletics; gymnastics; weight lifting;
        yoga; boxing; wrestling; martial arts; fencing; swimming; diving; surfing; sailing; rowing; skiing;
        snowboarding; ice skating; skateboarding; roller skating; cycling; mountain biking; motocross; horse riding;
        paragliding; skydiving; bungee jumping; archery; bowling; billiards; darts; parkour; a stadium; a sports
        hall; cheerleading; juggling
    """,
    "food and drink": """
        a meal; a plate of food; breakfast; a cake; bread; a pizza; a hamburger; pasta; sushi; noodles; soup; a
        salad; meat on a grill; fruit; vegetables; ice cream; chocolate; cheese; coffee; tea; a glass of wine; beer;
        a cocktail; street food; a buffet; a fried egg; a dessert
    """,
    "things": """
        a phone; a camera; a clock; a lamp; a candle; fire; smoke; an explosion; money; jewellery; a bag; a bottle;
        a box; a book; a map; a statue; a toy car; a doll; a balloon; a kite; a flag; a machine; an
        engine; a washing machine; a 3d printer; tools; a gun; a knife; a wheel; a mirror; a microscope; a
        telescope; medicine; a plant in a pot; rubbish; soap bubbles; slime; metal; glass; wood; paper; abstract
        shapes; moving shapes
    """,
    "screens": """
        a computer screen; a screen recording; a video game; a first-person shooter game; a racing game; a
        block-building game; a text document; a presentation slide; source code; a terminal; a website; a
        spreadsheet; a chart; a diagram; a whiteboard; a news broadcast; a television; a cartoon; an anime; a 3d
        animation; a music video; a film trailer; subtitles; a logo; a title card; a test pattern; a black screen;
        static noise; a tutorial; a phone screen; a chat; a map on a screen; a surveillance camera; night vision; a
        thermal image; a time lapse; slow motion; an aerial view; a black and white film; a product advertisement
    """,
}

WORDS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(" ".join(word.split()) for group in _GROUPS.values() for word in group.split(";"))
)
_ARTICLES: Final = ("a ", "an ", "the ")


def name_of(prompt: str) -> str:
    """Return a prompt without its article: "a city street" → "city street"."""
    return next((prompt[len(article) :] for article in _ARTICLES if prompt.startswith(article)), prompt)
