"""The command line as a table: what there is, in the order of the help, and where it is imported from if called."""

from __future__ import annotations

from typing import Final

from vsortd.cli.front.commands import CommandEntry

SECTIONS: Final[dict[str, tuple[CommandEntry, ...]]] = {
    "Daily use": (
        CommandEntry("status", "Show whether the daemon runs and what is waiting.", "status:status"),
        CommandEntry("open", "Show the page in your browser, logged in.", "open_page:open_page"),
        CommandEntry("sort", "File videos now, exactly as the daemon would.", "sort:sort"),
        CommandEntry("plan", "Show where videos would go; nothing is touched.", "sort:plan"),
        CommandEntry(
            "history",
            "List what was done with each video.",
            "history:history",
        ),
        CommandEntry(
            "where",
            "Say what happened to a video, step by step.",
            "where:where",
        ),
        CommandEntry(
            "undo",
            "Take filings back, each file byte for byte.",
            "history:undo",
        ),
        CommandEntry(
            "review",
            "Decide on the videos that vsortd was unsure of.",
            "review:review",
        ),
        CommandEntry(
            "fetch",
            "Fetch videos from the web into an inbox.",
            "fetch:fetch",
        ),
        CommandEntry("release", "Let undone videos be sorted again.", "release:release"),
        CommandEntry("retry", "Try failed or rejected videos again.", "release:retry"),
        CommandEntry(
            "pause",
            "Start no more videos until `vsortd resume`.",
            "control:pause",
        ),
        CommandEntry(
            "resume",
            "Continue after a pause.",
            "control:resume",
        ),
    ),
    "Look and learn": (
        CommandEntry(
            "explain",
            "Say why a video goes, or went, where it does.",
            "explain:explain",
        ),
        CommandEntry(
            "teach",
            "Say where a video belongs, so that vsortd learns it.",
            "teach:teach",
        ),
        CommandEntry(
            "corrections",
            "List what was taught; forget it, or restore it.",
            "teach:show",
            below=(
                CommandEntry("forget", "Stop judging by these corrections.", "teach:forget"),
                CommandEntry("restore", "Judge by forgotten corrections again.", "teach:restore"),
            ),
        ),
        CommandEntry(
            "rules",
            "See what rules would do before you use them.",
            below=(
                CommandEntry(
                    "preview",
                    "Say what other rules would change for filed videos.",
                    "preview:preview",
                ),
            ),
        ),
        CommandEntry(
            "refile",
            "Move filed videos to where today's rules would file them.",
            "refile:refile",
        ),
        CommandEntry(
            "eval",
            "Say how often your own sorted videos are judged right.",
            "evaluate:evaluate",
        ),
    ),
    "Library": (
        CommandEntry(
            "index",
            "Look at videos once, for search, timelines and clusters.",
            "index:index",
        ),
        CommandEntry(
            "search",
            "Find scenes by a sentence, a picture or spoken words.",
            "search:search",
        ),
        CommandEntry(
            "timeline",
            "Say when a video shows something, and how surely.",
            "timeline:timeline",
        ),
        CommandEntry(
            "classify",
            "Say how much of a video shows each of some labels.",
            "classify:classify",
        ),
        CommandEntry(
            "analyze",
            "Say what a video is made of: facts, shots, sound, labels.",
            "analyze:analyze",
        ),
        CommandEntry(
            "cluster",
            "Find groups of videos that look alike, and name them.",
            "cluster:cluster",
        ),
        CommandEntry(
            "duplicates",
            "Find videos that show the same; nothing is touched.",
            "duplicates:duplicates",
        ),
        CommandEntry(
            "set-aside",
            "Put videos aside; undo brings them back.",
            "set_aside:set_aside",
        ),
        CommandEntry(
            "export",
            "Write the history or the index as a table.",
            "export:export",
        ),
    ),
    "Daemon": (
        CommandEntry("run", "Watch the inboxes and file what arrives.", "run:run"),
        CommandEntry(
            "start",
            "Start the daemon in the background.",
            "control:start",
        ),
        CommandEntry("stop", "End the daemon; the file in hand is finished or put back.", "control:stop"),
        CommandEntry(
            "reload",
            "Make the daemon read its config again.",
            "run:reload",
        ),
        CommandEntry(
            "service",
            "Let the system start vsortd and keep it running.",
            below=(
                CommandEntry(
                    "install",
                    "Write the service, enable it and start it.",
                    "service:install",
                ),
                CommandEntry(
                    "uninstall",
                    "Stop the service and remove what install wrote.",
                    "service:uninstall",
                ),
                CommandEntry(
                    "status",
                    "Show whether the service is installed and active.",
                    "service:status",
                ),
            ),
        ),
        CommandEntry(
            "tray",
            "Show the daemon as an icon in the tray.",
            "tray:tray",
        ),
        CommandEntry("logs", "Show the daemon's log, the newest at the end.", "logs:logs"),
        CommandEntry("metrics", "Print the daemon's metrics in Prometheus' text format.", "control:metrics"),
        CommandEntry(
            "web",
            "The page: its password.",
            below=(
                CommandEntry(
                    "password",
                    "Ask for a password, and write it hashed into a file.",
                    "open_page:password",
                ),
            ),
        ),
    ),
    "Setup": (
        CommandEntry(
            "config",
            "Write, find and show the config file.",
            below=(
                CommandEntry(
                    "init",
                    "Answer a few questions, and get a config with comments.",
                    "config:init",
                ),
                CommandEntry(
                    "import",
                    "Make rules or facets from a category file or a list.",
                    "config:import_categories",
                ),
                CommandEntry("migrate", "Update a config of an older version.", "migrate:migrate"),
                CommandEntry("path", "Print which config file vsortd reads.", "config:show_path"),
                CommandEntry("show", "Print the settings in effect, defaults included.", "config:show"),
                CommandEntry("schema", "Print the JSON schema of the config file, for editors.", "config:schema"),
            ),
        ),
        CommandEntry(
            "check",
            "Check the config: every mistake at once, with its line.",
            "config:check",
        ),
        CommandEntry(
            "edit",
            "Edit the config; it is checked when you close the editor.",
            "edit:edit",
        ),
        CommandEntry(
            "model",
            "List, fetch, measure and compare models.",
            below=(
                CommandEntry(
                    "list",
                    "Show the models worth choosing, and what each needs.",
                    "model:list_models",
                ),
                CommandEntry(
                    "fetch",
                    "Download a model's weights into the cache.",
                    "model:fetch",
                ),
                CommandEntry(
                    "bench",
                    "Measure how fast models embed pictures here.",
                    "model_trials:bench",
                ),
                CommandEntry(
                    "compare",
                    "Judge the same videos with several models.",
                    "model_trials:compare",
                ),
            ),
        ),
        CommandEntry(
            "doctor",
            "Check the installation, machine, config and models.",
            "doctor:doctor",
        ),
        CommandEntry(
            "completion",
            "Print the script that makes Tab complete in a shell.",
            "completion:completion",
        ),
        CommandEntry(
            "help",
            "Print the help of a command, as its --help does.",
            "help_command:help_",
        ),
        CommandEntry(
            "demo",
            "See it work: clips are filed, explained and taken back.",
            "demo:demo",
        ),
    ),
}
COMMANDS: Final = tuple(entry for entries in SECTIONS.values() for entry in entries)
