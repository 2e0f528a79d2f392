"""One name for one thing: the table of all options, each with its letter, what stands for its value, and what it means.

An option that a command gets and the table lacks is told here: take the name that the thing has already, or, for a new
thing, add a line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

import click

from tests.cli.test_quiet import every_command
from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.cli.command_tree import context_of

ROOT: Any = click.Context(command_line(), info_name="vsortd")
CHOICE: Final = "one of"
SWITCH: Final = ""

# By name: its letter, what stands for its value (`one of`: the words that it takes), and the thing that it names.
TABLE: Final = {
    # of every command
    "--config": ("", "PATH", "the config file"),
    "--verbose": ("-v", SWITCH, "say more"),
    "--quiet": ("-q", SWITCH, "say less"),
    "--color": ("", CHOICE, "colours"),
    "--version": ("", SWITCH, "the version"),
    # what is printed and written
    "--format": ("", CHOICE, "how it is printed, or written"),
    "--csv": ("", SWITCH, "short for --format csv"),
    "--json": ("", SWITCH, "short for --format json"),
    "--out": ("-o", "PATH", "a file or folder that is written; the ending, or a word before it, says what"),
    "--force": ("", SWITCH, "replace what is there"),
    "--dtype": ("", CHOICE, "the numbers of an exported table"),
    "--vectors": ("", SWITCH, "embeddings, too"),
    "--scores": ("", SWITCH, "every frame's score, too"),
    "--private": ("", SWITCH, "leave out what is private"),
    "--man": ("", SWITCH, "as a manual page"),
    "--as": ("", CHOICE, "what a file of categories becomes"),
    "--from": ("", "FILE", "a file that it is made of, instead of looking or asking"),
    # which, and how many
    "--last": ("-n", "N", "how many of the newest"),
    "--limit": ("", "N", "how many results, or lines of a list"),
    "--all": ("", SWITCH, "all of them, nothing left out"),
    "--since": ("", "WHEN", "done since, by the journal or the log"),
    "--recorded-since": ("", "WHEN", "recorded since, by the video"),
    "--rule": ("", "RULE", "filed under this rule, or one below it"),
    "--under": ("", "RULE", "below this rule, of what belongs to none"),
    "--tag": ("", "NAME", "with this tag"),
    "--state": ("", "LIST", "in these states"),
    "--match": ("", "WORDS", "with these words in a name or the reason"),
    "--batch": ("", "BATCH", "of this batch"),
    "--inbox": ("", "INBOX", "the inbox that is meant"),
    "--in": ("", "PATH", "the folder, or video, whose videos are looked at"),
    "--id": ("", "ID", "of this video"),
    "--level": ("", "LEVEL", "this serious or more"),
    "--only": ("", "LIST", "only these, with commas"),
    "--orientation": ("", "SHAPE", "of this shape"),
    # effects
    "--dry-run": ("", SWITCH, "only say what would happen"),
    "--yes": ("-y", SWITCH, "don't ask"),
    "--as-root": ("", SWITCH, "say nothing about root"),
    "--keep": ("", SWITCH, "leave it where it is"),
    "--learn": ("", SWITCH, "keep examples as corrections"),
    "--none": ("", SWITCH, "it belongs nowhere"),
    "--look": ("", SWITCH, "look at videos of which too little is kept"),
    "--yours": ("", SWITCH, "also what you put there yourself"),
    "--to-review": ("", SWITCH, "what is unsure goes to review"),
    "--no-review": ("", SWITCH, "what is unsure stays"),
    "--plan": ("", "FILE", "a plan that is carried out"),
    "--apply": ("", SWITCH, "file the groups"),
    "--copy": ("", SWITCH, "file copies of the groups"),
    "--preview": ("", SWITCH, "show the groups' folders"),
    "--into": ("", "FOLDER", "a folder of the library that they go to"),
    "--rename": ("", "N=NAME", "another name of a group"),
    "--duplicates": ("", SWITCH, "the lesser copies"),
    "--again": ("", SWITCH, "once more, though it was done"),
    "--playlist": ("", SWITCH, "all videos of an address"),
    "--open": ("", SWITCH, "show it in a player"),
    "--play": ("", SWITCH, "show what would be written in a player"),
    "--scene": ("", "N", "the scene that is cut out"),
    # how videos are looked at
    "--fps": ("", "N", "frames a second"),
    "--per": ("", CHOICE, "a look for each"),
    "--window": ("", "TIME", "how long a scene is at least, and words may be apart"),
    "--min-score": ("", "N", "the weakest that is shown"),
    "--confidence": ("", "N", "the probability from which one counts"),
    "--min-size": ("", "N", "the smallest group"),
    "--min-length": ("", "TIME", "the shortest span"),
    "--neighbors": ("", "N", "videos that the map keeps together"),
    "--seed": ("", "N", "of what is drawn by chance"),
    "--scene-threshold": ("", "N", "how a cut is told"),
    "--temperature": ("", "N", "how soft scores are"),
    "--sound-temperature": ("", "N", "how soft those of sound are"),
    "--tolerance": ("", "TIME", "how far off edges may be"),
    "--fine": ("", SWITCH, "edges to 0.2 s"),
    "--on": ("", "N", "where a span begins"),
    "--off": ("", "N", "where a span ends"),
    "--smooth": ("", "TIME", "the running median"),
    "--bridge": ("", "TIME", "gaps that are bridged"),
    "--sound": ("", SWITCH, "what is heard, instead of what is seen"),
    "--said": ("", SWITCH, "words that are said"),
    "--text": ("", SWITCH, "text in the picture"),
    "--not": ("", "PROMPT", "what is not meant"),
    "--any": ("", SWITCH, "one prompt is enough"),
    "--like": ("", "FILE[@TIME]", "an example"),
    "--labels": ("", "FILE", "a file of labels"),
    "--categories": ("", "FILE", "a file of categories"),
    "--sound-labels": ("", "FILE", "a file of labels of what is heard"),
    "--sound-categories": ("", "FILE", "a file of categories of what is heard"),
    "--ensemble": ("", CHOICE, "how prompts of one category are taken together"),
    "--no-none": ("", SWITCH, 'no "none of these"'),
    "--target": ("", "CLASS", "the things that are labelled"),
    "--objects": ("", SWITCH, "find things"),
    "--model": ("", "MODEL", "the model that looks"),
    "--sound-model": ("", "MODEL", "the model that listens"),
    "--detect-model": ("", "MODEL", "the detector"),
    "--detect-labels": ("", "FILE", "what its classes are called"),
    "--precision": ("", "N", "how often a rule should be right"),
    "--compare": ("", SWITCH, "other ways to judge"),
    "--calibrate": ("", SWITCH, "keep the best temperature"),
    "--box-color": ("", "COLOUR", "the colour of boxes"),
    "--text-color": ("", "COLOUR", "the colour of letters"),
    "--border-color": ("", "COLOUR", "the colour around letters"),
    "--font-size": ("", "PX", "the height of letters"),
    # the index
    "--jobs": ("-j", "N", "videos at once"),
    "--verify": ("", SWITCH, "hold the index against the disk"),
    "--prune": ("", SWITCH, "forget what is gone"),
    "--forget": ("", "FOLDER", "what is taken out of the index"),
    "--list": ("", SWITCH, "the folders that are asked"),
    "--ray": ("", SWITCH, "on many machines"),
    "--address": ("", "HOST:PORT", "of the cluster"),
    "--workers": ("", "N", "models at once in the cluster"),
    # the daemon
    "--follow": ("-f", SWITCH, "go on showing"),
    "--check": ("", SWITCH, "tell by the exit code"),
    "--once": ("", SWITCH, "until the inboxes are empty"),
    "--setup": ("", SWITCH, "with the page that helps to a config"),
    "--json-log": ("", SWITCH, "the log as JSON lines"),
    "--for": ("", "TIME", "how long it pauses"),
    "--wait": ("", "TIME", "how long it waits"),
    "--system": ("", SWITCH, "for the whole machine"),
    "--account": ("", "ACCOUNT", "who runs it"),
    "--no-tray": ("", SWITCH, "without the icon"),
    "--no-browser": ("", SWITCH, "only print the address"),
    "--quick": ("", SWITCH, "leave out what takes seconds"),
    "--repair": ("", SWITCH, "mend the journal"),
}
# What things were called before; other programs have options of some of these names, but not where we speak of ours.
FORMER: Final = (
    *("--anew", "--chapters", "--clip", "--export", "--html", "--image", "--least", "--overlay", "--pictures"),
    *("--plot", "--sheet", "--shots-csv", "--split", "--thumbs", "--to-rules", "--top", "--vs"),
)


def _options() -> dict[str, list[tuple[str, Any]]]:
    """Return by each long name where it is an option, and that."""
    found = defaultdict(list)
    for words in every_command():
        for one in context_of(ROOT, words).command.params:
            for name in [*one.opts, *one.secondary_opts]:
                if name.startswith("--"):
                    found[name].append((" ".join(words), one))
    return found


def test_the_table_has_every_option_and_no_other() -> None:
    found = _options()
    where = {name: [command for command, _ in uses] for name, uses in found.items() if name not in TABLE}
    assert {} == where
    assert [] == [name for name in TABLE if name not in found]


def test_an_option_has_one_letter_and_one_value_everywhere() -> None:
    for name, uses in _options().items():
        letter, value, _ = TABLE[name]
        for command, option in uses:
            letters = [one for one in option.opts if not one.startswith("--")]
            assert [letter] * bool(letter) == letters, (command, name)
            shown = CHOICE if "|" in option.value else option.value
            assert value == shown, (command, name)


def test_a_letter_and_a_thing_have_one_name_and_an_option_has_no_other() -> None:
    letters = [letter for letter, _, _ in TABLE.values() if letter]
    things = [thing for _, _, thing in TABLE.values()]
    assert len(letters) == len(set(letters))
    assert len(things) == len(set(things))
    for name, uses in _options().items():
        for command, option in uses:
            assert [name] == [one for one in option.opts if one.startswith("--")] or name in option.secondary_opts, (
                command
            )


def test_choices_of_one_option_have_one_spelling() -> None:
    """Commands take some of the words each; one thing isn't two words, such as `json` and `JSON`."""
    for name, uses in _options().items():
        words = {word for _, option in uses if "|" in option.value for word in option.value.split("|")}
        assert len(words) == len({word.lower().rstrip("s") for word in words}), name


def test_no_former_name_is_left_where_we_speak_of_our_own() -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "docs/man").iterdir()]
    code = [path for ending in ("py", "html", "js") for path in (REPOSITORY / "vsortd").rglob(f"*.{ending}")]
    said = re.compile(rf"(?<![\w-])(?:{'|'.join(FORMER)})(?![\w-])")
    left = {}
    for path in (*pages, *code, *(REPOSITORY / "config").glob("*.yaml")):
        if found := said.findall(path.read_text("utf-8").replace("\\-", "-")):
            left[path.relative_to(REPOSITORY).as_posix()] = found
    assert {} == left


def test_every_line_for_vsortd_that_we_show_has_options_of_its_command() -> None:
    """Of pages, help and messages: `vsortd COMMAND … --option`, up to the end of what is to be typed."""
    pages = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").glob("*.md")]
    code = [path for ending in ("py", "html", "js") for path in (REPOSITORY / "vsortd").rglob(f"*.{ending}")]
    shown = re.compile(r"\bvsortd((?: [a-z][a-z-]*)+)([^`|#;&\"\n]*)")
    seen, wrong = 0, []
    for path in (*pages, *code, *(REPOSITORY / "config").glob("*.yaml")):
        for words, rest in shown.findall(path.read_text("utf-8")):
            command: Any = ROOT.command
            for word in words.split():
                command = getattr(command, "commands", {}).get(word, command)
            typed = re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)
            if command is ROOT.command or not typed:
                continue
            known = {
                name for one in (*ROOT.command.params, *command.params) for name in (*one.opts, *one.secondary_opts)
            }
            seen += 1
            wrong += [(path.name, words.strip(), name) for name in typed if name not in known | {"--help"}]
    assert [] == wrong
    assert seen > 100
