"""The command line as a table: what there is, in the order of the help, and where it is imported from if called."""

from __future__ import annotations

from typing import Final

from vsortd.cli.front.commands import CommandEntry

COMMANDS: Final = (
    CommandEntry("run", "Watch the inboxes and file what arrives, in the foreground.", "run:run"),
    CommandEntry(
        "reload",
        "Have the daemon read its config anew (as SIGHUP does); a config with mistakes changes nothing.",
        "run:reload",
    ),
    CommandEntry("status", "Show whether the daemon runs, what waits, and the health of each inbox.", "status:status"),
    CommandEntry(
        "start",
        "Start the daemon in the background; `vsortd service install` has it started at each login instead.",
        "control:start",
    ),
    CommandEntry("stop", "End the daemon; the file in hand is finished or put back.", "control:stop"),
    CommandEntry(
        "pause",
        "Begin no further video until `vsortd resume`; what is in hand is finished, arrivals are noticed and wait.",
        "control:pause",
    ),
    CommandEntry(
        "resume",
        "Go on after a pause, in the order in which the videos came; without --inbox every pause ends.",
        "control:resume",
    ),
    CommandEntry("metrics", "Print the daemon's numbers in Prometheus' text form.", "control:metrics"),
    CommandEntry(
        "open", "Show the page in the browser, logged in; starts the daemon if none runs.", "open_page:open_page"
    ),
    CommandEntry("sort", "File videos now: looked at, decided and placed exactly as the daemon would.", "sort:sort"),
    CommandEntry("plan", "Show where videos would go, as a tree; nothing is touched.", "sort:plan"),
    CommandEntry(
        "fetch",
        "Fetch videos of the web into an inbox, under their titles, with the subtitles that their sites have.",
        "fetch:fetch",
    ),
    CommandEntry(
        "explain",
        "Say why a video goes, or went, where it does: each level's scores, and the frames that spoke for and against.",
        "explain:explain",
    ),
    CommandEntry(
        "eval",
        "Say how often videos in folders named like the rules would be filed rightly, and what would make it better.",
        "evaluate:evaluate",
    ),
    CommandEntry(
        "cluster",
        "Find groups of videos that look alike, and name them; without --apply or --copy no file is touched.",
        "cluster:cluster",
    ),
    CommandEntry(
        "index",
        "Look at videos for search, timelines and clusters: each frame is embedded once. Stop and go on at any time.",
        "index:index",
    ),
    CommandEntry(
        "search",
        "Find scenes by a sentence, a picture or a part of a video: where, from when to when, best first.",
        "search:search",
    ),
    CommandEntry(
        "history",
        "List what was done with each video, the newest at the end; of several conditions all hold.",
        "history:history",
    ),
    CommandEntry(
        "undo",
        "Take filings back: each file returns to where it came from, byte for byte, and is held until released.",
        "history:undo",
    ),
    CommandEntry("release", "Let undone videos be sorted again.", "release:release"),
    CommandEntry("retry", "Try failed or rejected videos again, though they have not changed.", "release:retry"),
    CommandEntry(
        "where",
        "Say what became of a video: every step from where it was dropped to where it is now.",
        "where:where",
    ),
    CommandEntry(
        "export",
        "Write the history or the index as a table, row by row; nothing is changed by it.",
        "export:export",
    ),
    CommandEntry(
        "teach",
        "Say where a video belongs: it is filed there (if it lies in an inbox or the library), and learned from.",
        "teach:teach",
    ),
    CommandEntry(
        "review",
        "Decide on the videos that vsortd was unsure of; every choice files the video and is learned from.",
        "review:review",
    ),
    CommandEntry(
        "refile",
        "Move what is filed to where the rules of today would have it: a list first, then, once you say yes, the "
        "moves.",
        "refile:refile",
    ),
    CommandEntry(
        "timeline",
        "Say whether a video shows something, from when to when, how long in all, and how sure that is.",
        "timeline:timeline",
    ),
    CommandEntry(
        "classify",
        "Say how much of a video shows each of some labels: as words, as a list, or as categories within units.",
        "classify:classify",
    ),
    CommandEntry(
        "analyze",
        "Say what a video is made of: technical facts, shots, sound, labels, and what they add up to.",
        "analyze:analyze",
    ),
    CommandEntry(
        "duplicates",
        "Find videos that show the same: copies, re-encoded, resized, letterboxed or cut. Nothing is deleted or moved.",
        "duplicates:duplicates",
    ),
    CommandEntry(
        "set-aside",
        "Put videos aside, with their sidecars, into .vsortd/aside below the library; undo brings them back.",
        "set_aside:set_aside",
    ),
    CommandEntry(
        "check",
        "Check the config file: every mistake at once, each with its line and what is allowed.",
        "config:check",
    ),
    CommandEntry(
        "doctor",
        "Check the installation, the machine, the config, the folders and the models, and sort a clip end to end.",
        "doctor:doctor",
    ),
    CommandEntry("logs", "Show the daemon's log, newest at the end; it need not run.", "logs:logs"),
    CommandEntry(
        "edit",
        "Open the config in your editor, check it when you close, and have a running daemon take it.",
        "edit:edit",
    ),
    CommandEntry(
        "completion",
        "Print the script that makes Tab complete commands, options, rules, inboxes and ids in a shell.",
        "completion:completion",
    ),
    CommandEntry(
        "help",
        "Print the help of a command, as its --help does; without a command the overview.",
        "help_command:help_",
    ),
    CommandEntry(
        "tray",
        "Show the daemon's state as an icon in the tray, with a menu to pause, undo and look; and tell of each batch.",
        "tray:tray",
    ),
    CommandEntry(
        "demo",
        "Drop a dozen clips, file them with the real daemon, show why, undo everything, and prove it by hashes.",
        "demo:demo",
    ),
    CommandEntry(
        "web",
        "The page: its password.",
        below=(
            CommandEntry(
                "password",
                "Ask for a password, and write it hashed into a file for `web: {password_file: …}`.",
                "open_page:password",
            ),
        ),
    ),
    CommandEntry(
        "corrections",
        "List what was taught; forget it, or restore it.",
        "teach:show",
        below=(
            CommandEntry("forget", "Judge without these from now on; the videos stay where they are.", "teach:forget"),
            CommandEntry("restore", "Judge by forgotten ones again.", "teach:restore"),
        ),
    ),
    CommandEntry(
        "rules",
        "Ask what rules would do, before they do it.",
        below=(
            CommandEntry(
                "preview",
                "Say what would become of everything that is filed by the rules of a config; nothing is touched.",
                "preview:preview",
            ),
        ),
    ),
    CommandEntry(
        "config",
        "Write, find and show the config file.",
        below=(
            CommandEntry(
                "init",
                "Answer a few questions at the terminal, see where your videos would go, and get a config with "
                "comments.",
                "config:init",
            ),
            CommandEntry(
                "import",
                "Make rules of a category file or a list of labels, or facets of several units that are questions "
                "of their own.",
                "config:import_categories",
            ),
            CommandEntry("path", "Print which config file vsortd reads.", "config:show_path"),
            CommandEntry(
                "show", "Print the settings in effect, defaults included, as YAML that loads again.", "config:show"
            ),
            CommandEntry("schema", "Print the JSON schema of the config file, for editors.", "config:schema"),
        ),
    ),
    CommandEntry(
        "model",
        "The models that look at the frames: list, fetch, measure, compare.",
        below=(
            CommandEntry(
                "list",
                "Show the models worth choosing, what each needs, what this machine has, and whether their weights "
                "are here.",
                "model:list_models",
            ),
            CommandEntry(
                "fetch",
                "Download a model's weights into the cache, so that vsortd finds them without network.",
                "model:fetch",
            ),
            CommandEntry(
                "bench",
                "Measure how fast models embed pictures on this machine, and what they take; `model list` shows it "
                "from then on.",
                "model_trials:bench",
            ),
            CommandEntry(
                "compare",
                "Judge the same videos with several models: how often each is right, and what it costs on this "
                "machine.",
                "model_trials:compare",
            ),
        ),
    ),
    CommandEntry(
        "service",
        "Have the system start vsortd, and keep it running.",
        below=(
            CommandEntry(
                "install",
                "Write the service, enable it and start it: a systemd unit, a launchd agent, or a Windows task or "
                "service.",
                "service:install",
            ),
            CommandEntry(
                "uninstall",
                "Stop the service and remove everything that install wrote. Journal, config and library stay.",
                "service:uninstall",
            ),
            CommandEntry(
                "status",
                "Show whether the service is installed, enabled and active, and what the daemon says of itself.",
                "service:status",
            ),
        ),
    ),
)
