"""The examples under every command's `--help`, in one place; tests see that each of them parses."""

from __future__ import annotations

from vsortd.errors import ExitCode

__all__ = ["BEGINNINGS", "EXAMPLES", "EXIT_CODES", "EXIT_MEANINGS", "Example"]

Example = tuple[str, str]
"""What to type, and what that does."""

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "run": (
        ("vsortd run", "watch the inboxes until Ctrl-C"),
        ("vsortd run --once", "file what lies there now, then end"),
        ("vsortd run --setup", "without a config yet: make one on the page, then begin"),
        ("vsortd --verbose run", "say more, about every step"),
    ),
    "start": (("vsortd start", "run in the background"), ("vsortd logs -f", "see what it does")),
    "stop": (("vsortd stop", "the current video is finished or put back first"),),
    "pause": (
        ("vsortd pause", "start no more videos"),
        ("vsortd pause --for 2h", "continue by itself in two hours"),
        ("vsortd pause --inbox ~/Videos/Inbox", "only this inbox"),
    ),
    "open": (
        ("vsortd open", "look at the page in the browser"),
        ("vsortd open --no-browser", "only print its address"),
    ),
    "web password": (
        ("vsortd web password --out ~/.config/vsortd/page.key", "a password, for web: {password_file: ...}"),
    ),
    "resume": (("vsortd resume", "continue"), ("vsortd resume --inbox ~/Videos/Inbox", "only with this inbox")),
    "metrics": (("vsortd metrics", "numbers for Prometheus, from the running daemon"),),
    "reload": (("vsortd check && vsortd reload", "use the changed config if it is correct"),),
    "status": (
        ("vsortd status", "what runs and what waits"),
        ("vsortd status --check && echo well", "for scripts and health checks: exit code 1 if it can't work"),
        ("vsortd status --json | jq .queued", "how many wait"),
    ),
    "sort": (
        ("vsortd sort ~/Downloads/clip.mp4", "file one video now"),
        ("vsortd sort --dry-run ~/Videos/Old", "only say where a folder's videos would go"),
        ("vsortd sort --plan plan.csv", "file by a plan that you have edited"),
    ),
    "fetch": (
        ("vsortd fetch 'https://example.org/watch?v=7'", "into the only inbox, with its subtitles"),
        ("vsortd fetch --inbox ~/Videos/Inbox --playlist 'https://example.org/list/3'", "all videos of a list"),
        ("vsortd sort 'https://example.org/clip.mp4'", "fetch one, and file it now"),
    ),
    "plan": (
        ("vsortd plan ~/Videos/Inbox", "where would they go? nothing is touched"),
        ("vsortd plan ~/Videos/Old --out report.html", "the same as one page with pictures"),
        ("vsortd plan ~/Videos/Old --out plan.csv", "as a table to edit, for `vsortd sort --plan`"),
    ),
    "explain": (
        ("vsortd explain ~/Videos/Sorted/forest/walk.mp4", "why it went there"),
        ("vsortd explain clip.mp4 --out why.png", "with the frames and their scores as a picture"),
    ),
    "eval": (
        ("vsortd eval ~/Videos/Labelled", "folders named like the rules hold videos of them"),
        ("vsortd eval ~/Videos/Labelled --calibrate", "keep the temperature with which scores can be trusted"),
        ("vsortd eval ~/Videos/Labelled --out report", "with plots and the worst mistakes"),
    ),
    "index": (
        ("vsortd index", "look at the whole library, for search, timelines and clusters; stop and go on at will"),
        ("vsortd index ~/Videos/Old --fps 2", "a folder that was never filed, twice a second"),
        ("vsortd index ~/Videos/Talks --text", "and read the text in their pictures, for search --text"),
        ("vsortd index --prune", "follow files that were moved, forget files that are gone"),
        ("vsortd index --list", "which folders are searched if none is named"),
        ("vsortd index --forget ~/Videos/Old", "search, cluster and duplicates no longer cover it"),
        ("vsortd index /mnt/films --ray --address head:6379", "with many machines"),
    ),
    "search": (
        ('vsortd search "waves on a beach"', "the best scenes of the library"),
        ('vsortd search "a street at night" --not "a screen" --out scenes.png', "and a picture of them"),
        ("vsortd search --said birthday", "where somebody says it, by the subtitles"),
        ("vsortd search --text 'invoice 2041'", "where both are visible in the picture"),
        ("vsortd search fireworks --per shot", "whole shots, each by its key frame"),
        ("vsortd search --like walk.mp4@1:23 --limit 5", "what looks like this moment"),
        ("vsortd search fireworks --in party.mp4 --out fireworks.mp4", "within one file, and cut it out"),
        ('vsortd search "a snowy field" --all', "also those that hardly show it"),
        ('vsortd search "a dog barking" --sound', "what is heard; needs a sound_model"),
        ("vsortd search clouds --tag light:sunset", "only in videos that were filed with a tag"),
    ),
    "cluster": (
        ("vsortd cluster ~/Videos/Old", "groups of videos that look alike, with names"),
        ("vsortd cluster ~/Videos/Old --out groups", "with a map and a sheet of each group"),
        ("vsortd cluster ~/Videos/Old --preview --rename 3=beach", "the folders that they would become"),
        ("vsortd cluster ~/Videos/Old --apply --only 1,3", "file two of them; undo takes it back"),
        ("vsortd cluster ~/Videos/Old --copy --into Groups", "copy them, and leave the videos where they are"),
        ("vsortd cluster --out groups.yaml --learn", "rules that sort new videos likewise"),
    ),
    "history": (
        ("vsortd history --last 20", "the newest 20"),
        ("vsortd history --since 2h", "of the last two hours"),
        (
            "vsortd history --state failed,review --rule nature",
            "what failed or waits, for a rule and those below it",
        ),
        ("vsortd history --match 'birthday 2025'", "with both words in a name or in the reason"),
        ("vsortd history --json | jq '.items[0]'", "for programs"),
    ),
    "where": (
        ("vsortd where beach.mp4", "what became of it, by its name"),
        ("vsortd where ~/Videos/Inbox/IMG_0042.MOV", "by the path that it was dropped under"),
        ("vsortd where 17", "by its id in the history"),
    ),
    "export": (
        ("vsortd export history --out history.csv", "what was done, for a spreadsheet"),
        ("vsortd export index --out index.parquet", "a row for each video; needs the extra `export`"),
        ("vsortd export index --vectors --out frames.parquet", "a row for each frame, with its embedding"),
        ("vsortd export history --format jsonl --out - | jq .rule", "one object on each line, into a pipe"),
    ),
    "undo": (
        ("vsortd undo 17", "the item 17 of the history"),
        ("vsortd undo beach.mp4", "the newest filing of the video with this name"),
        ("vsortd undo --last 3", "the newest three"),
        ("vsortd undo --since 2026-11-20 --dry-run", "show first what would be undone"),
    ),
    "release": (
        ("vsortd release 17", "sort this undone video again"),
        ("vsortd release --all", "everything that is held"),
    ),
    "retry": (
        ("vsortd retry 17", "try this failed video again"),
        ("vsortd retry --all", "everything failed or rejected"),
    ),
    "rules preview": (
        ("vsortd rules preview", "what would today's rules change for all filed videos?"),
        ("vsortd rules preview --config new.yaml", "and those of another config?"),
        ("vsortd rules preview --config new.yaml --csv > changes.csv", "all of it as a table"),
    ),
    "refile": (
        ("vsortd refile --dry-run", "what would go where by today's rules?"),
        ("vsortd refile", "show it, ask, then move it; `vsortd undo --batch B` takes it back"),
        ("vsortd refile --rule nature --no-review --yes", "only videos of one rule, none to review, without asking"),
    ),
    "review": (
        ("vsortd review", "a key for each video it was unsure of"),
        ("vsortd review --json", "list them for programs"),
    ),
    "teach": (
        ("vsortd teach clip.mp4 forest/night", "it belongs there: file it and learn"),
        ("vsortd teach clip.mp4 sea --keep", "learn only, leave it where it is"),
        ("vsortd teach clip.mp4 --none", "it belongs nowhere: none of the rules"),
    ),
    "corrections": (
        ("vsortd corrections", "what was taught, and whether it helps"),
        ("vsortd corrections forget 4", "judge without this one"),
    ),
    "corrections forget": (
        ("vsortd corrections forget 4 5", "judge without these"),
        ("vsortd corrections forget --all", "judge by the rules alone"),
    ),
    "corrections restore": (("vsortd corrections restore 4", "judge by it again"),),
    "timeline": (
        ('vsortd timeline trip.mp4 "a forest"', "does it show one, and when?"),
        ('vsortd timeline trip.mp4 "a forest" "the sea" --fine', "two at once, edges exact to 0.2 s"),
        ("vsortd timeline trip.mp4 snow --not clouds --out snow.png", "not to be taken for clouds; as a picture"),
        ("vsortd timeline talk.mp4 budget 'next year' --said", "when these words are said"),
        ('vsortd timeline trip.mp4 "a forest" --out forest.vtt', "as chapters for a player"),
        ('vsortd timeline trip.mp4 "applause" --sound', "when is it heard?"),
        (
            'vsortd timeline trip.mp4 "a forest" --per shot --out forest.fcpxml',
            "whole shots, for an editing program",
        ),
    ),
    "classify": (
        ('vsortd classify clip.mp4 "a forest" "the sea"', "how much of it shows either, or none of these"),
        ("vsortd classify clip.mp4 --categories moods.txt", "each [Question] of the file is answered by itself"),
        (
            "vsortd classify *.mp4 --labels coco.txt --limit 5 --csv",
            "the best five of a list, for each video, as a table",
        ),
        ('vsortd classify party.mp4 "a child" "a woman" --target person', "each person that a detector finds"),
        ("vsortd classify clip.mp4 --sound-labels sounds.txt", "what is heard in it; needs a sound_model"),
    ),
    "analyze": (
        ("vsortd analyze trip.mp4", "what the file says, its shots, its sound, and what they add up to"),
        ("vsortd analyze ~/Videos --only facts,sound --csv > facts.csv", "a line for each file, without its pictures"),
        ("vsortd analyze trip.mp4 --only shots --out trip.edl", "the shots, for an editing program"),
        ("vsortd analyze trip.mp4 --out trip.png --out thumbs=pictures", "over time, and a picture a shot"),
        ("vsortd analyze trip.mp4 --out drawn.mp4", "what was found, drawn on the video"),
        (
            "vsortd analyze trip.mp4 --objects --detect-model yolo.onnx --detect-labels coco.txt",
            "what a detector finds",
        ),
        ("vsortd analyze trip.mp4 --json --private", "all of it, without places and persons"),
        ("vsortd analyze trip.mp4 --out deepffmpeg=results", "the three files that DeepFFmpeg writes"),
        ("vsortd analyze --from trip.mp4.analysis.json", "the summary of a file that --out wrote"),
    ),
    "set-aside": (
        ("vsortd set-aside beach.mp4", "out of the library, until `vsortd undo beach.mp4`"),
        ("vsortd set-aside --duplicates --dry-run", "which copies would go, and which are kept"),
        ("vsortd set-aside --duplicates", "the same, and asks before it begins"),
    ),
    "duplicates": (
        ("vsortd duplicates", "in the library and what `index` was given; nothing is deleted"),
        ("vsortd duplicates ~/Videos --out dupes", "look at each pair"),
        ("vsortd duplicates ~/Videos --min-score 0.9 --csv > dupes.csv", "only sure ones, as a table"),
    ),
    "check": (
        ("vsortd check", "every mistake in the config at once"),
        ("vsortd check --config new.yaml", "in another file"),
        ("vsortd check --json", "for editors and scripts"),
    ),
    "edit": (
        ("vsortd edit", "in $VISUAL or $EDITOR; used only if it is correct"),
        ("EDITOR='code --wait' vsortd edit", "in an editor that has a window"),
    ),
    "config init": (
        ("vsortd config init", "a few questions, then a config with comments"),
        ("vsortd config init --yes --out ~/vsortd.yaml", "the example, no questions"),
    ),
    "config import": (
        ("vsortd config import categories.txt", "print the rules of a category file"),
        ("vsortd config import categories.txt --out vsortd.yaml", "a whole config with these rules"),
        ("vsortd config import moods.txt --as facets", "questions of their own, whose answers are tags"),
    ),
    "config migrate": (
        ("vsortd config migrate --dry-run", "what would change, as a diff"),
        ("vsortd config migrate", "change it; the former file stays beside it"),
    ),
    "config path": (("vsortd config path", "which file is read"),),
    "config show": (("vsortd config show", "the settings in effect, defaults included"),),
    "config schema": (("vsortd config schema > vsortd.schema.json", "for editors"),),
    "model list": (
        ("vsortd model list", "the ones worth choosing, and what fits this machine"),
        ("vsortd model list --all", "every name and tag of open_clip"),
    ),
    "model fetch": (
        ("vsortd model fetch auto", "the default of this machine, with or without a GPU"),
        ("vsortd model fetch ViT-B-32-256 datacomp_s34b_b86k", "one model and its tag"),
        ("vsortd model fetch --sound laion/clap-htsat-unfused", "a model that listens"),
    ),
    "model compare": (
        ("vsortd model compare sample auto --in ~/Labelled", "which is right more often, and what does it cost?"),
        ("vsortd model compare ViT-B-32-256/datacomp_s34b_b86k --in ~/Labelled", "against the config's own"),
        ("vsortd model compare auto ViT-B-32=mine.safetensors --in ~/Labelled --csv", "a checkpoint; as a table"),
    ),
    "model bench": (
        ("vsortd model bench", "how fast is auto here? `model list` shows it from then on"),
        ("vsortd model bench auto PE-Core-L-14-336/meta", "two models, one after the other"),
    ),
    "logs": (
        ("vsortd logs -f", "what happens now; Ctrl-C ends it"),
        ("vsortd logs --id 17", "one video's lines, through all stages"),
        ("vsortd logs --since 1h --level warning", "what went wrong lately"),
        ("vsortd logs --json | jq .message", "the lines as they are"),
    ),
    "doctor": (
        ("vsortd doctor", "is everything here that vsortd needs?"),
        ("vsortd doctor --quick", "without loading the model and sorting a clip"),
        ("vsortd doctor --json", "for scripts; exit code 1 if anything fails"),
        ("vsortd doctor --repair", "repair a damaged journal"),
    ),
    "demo": (
        ("vsortd demo", "see it work in a folder of its own"),
        ("vsortd demo --keep", "and look at what it made"),
    ),
    "completion": (
        ('eval "$(vsortd completion bash)"', "now; add the line to ~/.bashrc to keep it"),
        ("vsortd completion zsh > ~/.zfunc/_vsortd", "for a folder in zsh's $fpath"),
        ("vsortd completion fish > ~/.config/fish/completions/vsortd.fish", "for fish"),
    ),
    "help": (
        ("vsortd help", "all commands"),
        ("vsortd help config init", "what `vsortd config init --help` prints"),
        ("vsortd help --man search > vsortd-search.1", "a manual page; man -l shows it"),
    ),
    "tray": (("vsortd tray", "the icon beside the clock"),),
    "service install": (
        ("vsortd service install", "start at each login from now on"),
        ("vsortd service install --dry-run", "only show what would be written"),
    ),
    "service uninstall": (("vsortd service uninstall", "stop starting it; config and state stay"),),
    "service status": (("vsortd service status", "is it installed, and does it run?"),),
}

BEGINNINGS: tuple[Example, ...] = (
    ("vsortd demo", "see it work"),
    ("vsortd config init", "make a config"),
    ("vsortd run", "file what arrives"),
)
EXIT_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "ok",
    ExitCode.FAILURE: "failure",
    ExitCode.USAGE: "wrong use",
    ExitCode.PARTIAL: "partly done or refused",
    ExitCode.CONFIG: "the config is invalid",
    ExitCode.UNREACHABLE: "the daemon does not answer",
    ExitCode.RUNNING: "a daemon already runs",
    ExitCode.INTERRUPTED: "interrupted",
}
_CODES = ", ".join(f"{code:d} {what}" for code, what in EXIT_MEANINGS.items())
EXIT_CODES = f"Exit codes: {_CODES}."
