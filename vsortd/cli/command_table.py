"""The command line as a table: what there is, in the order of the help, and where it is imported from if called."""

from __future__ import annotations

from typing import Final

from vsortd.cli.front.commands import Entry

COMMANDS: Final = (
    Entry("run", "Watch the inboxes and file what arrives, in the foreground.", "run:run"),
    Entry(
        "reload",
        "Have the daemon read its config anew (as SIGHUP does); a config with mistakes changes nothing.",
        "run:reload",
    ),
    Entry("status", "Show whether the daemon runs, what waits, and the health of each inbox.", "status:status"),
    Entry(
        "start",
        "Start the daemon in the background; `vsortd service install` has it started at each login instead.",
        "control:start",
    ),
    Entry("stop", "End the daemon; the file in hand is finished or put back.", "control:stop"),
    Entry(
        "pause",
        "Begin no further video until `vsortd resume`; what is in hand is finished, arrivals are noticed and wait.",
        "control:pause",
    ),
    Entry(
        "resume",
        "Go on after a pause, in the order in which the videos came; without --inbox every pause ends.",
        "control:resume",
    ),
    Entry("metrics", "Print the daemon's numbers in Prometheus' text form.", "control:metrics"),
    Entry("open", "Show the page in the browser, logged in; starts the daemon if none runs.", "open_page:open_page"),
    Entry("sort", "File videos now: looked at, decided and placed exactly as the daemon would.", "sort:sort"),
    Entry("plan", "Show where videos would go, as a tree; nothing is touched.", "sort:plan"),
    Entry(
        "fetch",
        "Fetch videos of the web into an inbox, under their titles, with the subtitles that their sites have.",
        "fetch:fetch",
    ),
    Entry(
        "explain",
        "Say why a video goes, or went, where it does: each level's scores, and the frames that spoke for and against.",
        "explain:explain",
    ),
    Entry(
        "eval",
        "Say how often videos in folders named like the rules would be filed rightly, and what would make it better.",
        "evaluate:evaluate",
    ),
    Entry(
        "cluster",
        "Find groups of videos that look alike, and name them; without --apply or --copy no file is touched.",
        "cluster:cluster",
    ),
    Entry(
        "index",
        "Look at videos for search, timelines and clusters: each frame is embedded once. Stop and go on at any time.",
        "index:index",
    ),
    Entry(
        "search",
        "Find scenes by a sentence, a picture or a part of a video: where, from when to when, best first.",
        "search:search",
    ),
    Entry(
        "history",
        "List what was done with each video, the newest at the end; of several conditions all hold.",
        "history:history",
    ),
    Entry(
        "undo",
        "Take filings back: each file returns to where it came from, byte for byte, and is held until released.",
        "history:undo",
    ),
    Entry("release", "Let undone videos be sorted again.", "release:release"),
    Entry("retry", "Try failed or rejected videos again, though they have not changed.", "release:retry"),
    Entry(
        "where",
        "Say what became of a video: every step from where it was dropped to where it is now.",
        "where:where",
    ),
    Entry(
        "export",
        "Write the history or the index as a table, row by row; nothing is changed by it.",
        "export:export",
    ),
    Entry(
        "teach",
        "Say where a video belongs: it is filed there (if it lies in an inbox or the library), and learned from.",
        "teach:teach",
    ),
    Entry(
        "review",
        "Decide on the videos that vsortd was unsure of; every choice files the video and is learned from.",
        "review:review",
    ),
    Entry(
        "refile",
        "Move what is filed to where the rules of today would have it: a list first, then, once you say yes, the "
        "moves.",
        "refile:refile",
    ),
    Entry(
        "timeline",
        "Say whether a video shows something, from when to when, how long in all, and how sure that is.",
        "timeline:timeline",
    ),
    Entry(
        "classify",
        "Say how much of a video shows each of some labels: as words, as a list, or as categories within units.",
        "classify:classify",
    ),
    Entry(
        "analyze",
        "Say what a video is made of: technical facts, shots, sound, labels, and what they add up to.",
        "analyze:analyze",
    ),
    Entry(
        "duplicates",
        "Find videos that show the same: copies, re-encoded, resized, letterboxed or cut. Nothing is deleted or moved.",
        "duplicates:duplicates",
    ),
    Entry(
        "set-aside",
        "Put videos aside, with their sidecars, into .vsortd/aside below the library; undo brings them back.",
        "set_aside:set_aside",
    ),
    Entry(
        "check",
        "Check the config file: every mistake at once, each with its line and what is allowed.",
        "config:check",
    ),
    Entry(
        "doctor",
        "Check the installation, the machine, the config, the folders and the models, and sort a clip end to end.",
        "doctor:doctor",
    ),
    Entry("logs", "Show the daemon's log, newest at the end; it need not run.", "logs:logs"),
    Entry(
        "edit",
        "Open the config in your editor, check it when you close, and have a running daemon take it.",
        "edit:edit",
    ),
    Entry(
        "completion",
        "Print the script that makes Tab complete commands, options, rules, inboxes and ids in a shell.",
        "completion:completion",
    ),
    Entry(
        "help",
        "Print the help of a command, as its --help does; without a command the overview.",
        "help_command:help_",
    ),
    Entry(
        "tray",
        "Show the daemon's state as an icon in the tray, with a menu to pause, undo and look; and tell of each batch.",
        "tray:tray",
    ),
    Entry(
        "demo",
        "Drop a dozen clips, file them with the real daemon, show why, undo everything, and prove it by hashes.",
        "demo:demo",
    ),
    Entry(
        "web",
        "The page: its password.",
        below=(
            Entry(
                "password",
                "Ask for a password, and write it hashed into a file for `web: {password_file: …}`.",
                "open_page:password",
            ),
        ),
    ),
    Entry(
        "corrections",
        "List what was taught; forget it, or restore it.",
        "teach:show",
        below=(
            Entry("forget", "Judge without these from now on; the videos stay where they are.", "teach:forget"),
            Entry("restore", "Judge by forgotten ones again.", "teach:restore"),
        ),
    ),
    Entry(
        "rules",
        "Ask what rules would do, before they do it.",
        below=(
            Entry(
                "preview",
                "Say what would become of everything that is filed by the rules of a config; nothing is touched.",
                "preview:preview",
            ),
        ),
    ),
    Entry(
        "config",
        "Write, find and show the config file.",
        below=(
            Entry(
                "init",
                "Answer a few questions at the terminal, see where your videos would go, and get a config with "
                "comments.",
                "config:init",
            ),
            Entry(
                "import",
                "Make rules of a category file or a list of labels, or facets of several units that are questions "
                "of their own.",
                "config:import_categories",
            ),
            Entry("path", "Print which config file vsortd reads.", "config:show_path"),
            Entry("show", "Print the settings in effect, defaults included, as YAML that loads again.", "config:show"),
            Entry("schema", "Print the JSON schema of the config file, for editors.", "config:schema"),
        ),
    ),
    Entry(
        "model",
        "The models that look at the frames: list, fetch, measure, compare.",
        below=(
            Entry(
                "list",
                "Show the models worth choosing, what each needs, what this machine has, and whether their weights "
                "are here.",
                "model:list_models",
            ),
            Entry(
                "fetch",
                "Download a model's weights into the cache, so that vsortd finds them without network.",
                "model:fetch",
            ),
            Entry(
                "bench",
                "Measure how fast models embed pictures on this machine, and what they take; `model list` shows it "
                "from then on.",
                "model_trials:bench",
            ),
            Entry(
                "compare",
                "Judge the same videos with several models: how often each is right, and what it costs on this "
                "machine.",
                "model_trials:compare",
            ),
        ),
    ),
    Entry(
        "service",
        "Have the system start vsortd, and keep it running.",
        below=(
            Entry(
                "install",
                "Write the service, enable it and start it: a systemd unit, a launchd agent, or a Windows task or "
                "service.",
                "service:install",
            ),
            Entry(
                "uninstall",
                "Stop the service and remove everything that install wrote. Journal, config and library stay.",
                "service:uninstall",
            ),
            Entry(
                "status",
                "Show whether the service is installed, enabled and active, and what the daemon says of itself.",
                "service:status",
            ),
        ),
    ),
)
