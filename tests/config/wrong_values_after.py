"""The wrong values of `after`, each tried at the top and in a rule."""

from __future__ import annotations

from tests.config.wrong_values import Case

POST = "http://127.0.0.1/"
# What stands in the braces, where the mistake is, and what has to be said of it.
_OPTIONS = [
    ("{}", "", "neither run nor post", ""),
    ("{batch: true}", "", "neither run nor post", ""),
    ("{run: []}", ".run", "empty", ""),
    ("{run: {a: b}}", ".run", "a text is wanted", ""),
    ("{run: notify-send done}", ".run", "each word a text of its own", ""),
    ("{run: [x, 7]}", ".run[1]", 'write "7" in quotes', ""),
    ("{run: [x, '{nmae}']}", ".run[1]", 'no field "{nmae}"', ""),
    ("{run: [x, '{name!r}']}", ".run[1]", "no format or conversion", ""),
    ("{run: [x, '{name']}", ".run[1]", "doubled", ""),
    ("{run: ['{name}', x]}", ".run[0]", "for the config to say", ""),
    ("{run: ['bin/tell']}", ".run[0]", "each time vsortd is started elsewhere", ""),
    ("{run: ['C:/tell.BAT']}", ".run[0]", "its shell", ""),
    ("{run: [tell.cmd]}", ".run[0]", "its shell", ""),
    ("{run: [x, '{path}'], batch: true}", ".run[1]", "many videos", ""),
    ("{run: [x, '{items}']}", ".run[1]", "of a batch", ""),
    ("{run: x, states: [filed, rejected]}", ".states[1]", "filed, review, failed", ""),
    ("{run: x, states: []}", ".states", "empty", ""),
    ('{run: x, "on": filed}', ".on", "there is no option", "states"),
    ("{run: x, batch: daily}", ".batch", "true or false", ""),
    ("{run: x, time_limit: 0s}", ".time_limit", "from 100ms to 1h", ""),
    ("{run: x, retries: 21}", ".retries", "a whole number from 0 to 20", ""),
    ("{run: x, retries: -1}", ".retries", "a whole number from 0 to 20", ""),
    ("{run: x, key_env: K}", ".key_env", "nothing is posted", ""),
    ("{run: x, anywhere: true}", ".anywhere", "nothing is posted", ""),
    ("{post: '127.0.0.1:80'}", ".post", "begins with http:// or https://", ""),
    ("{post: 'http://127.0.0.1/?token=x'}", ".post", "without ? or #", ""),
    ("{post: 'http://a:b@127.0.0.1/'}", ".post", "key_file or key_env", ""),
    ("{post: 'http://8.8.8.8/'}", ".post", "neither this machine nor in your own network", ""),
    ("{post: 'http://8.8.8.8/', anywhere: true}", ".post", "only https:// goes", ""),
    ("{post: 'http://169.254.169.254/', anywhere: true}", ".post", "no address of a server", ""),
    (f"{{post: '{POST}', anywhere: 1}}", ".anywhere", "true or false", ""),
    (f"{{post: '{POST}', key_env: sk-abc}}", ".key_env", "never stands in the config", ""),
    (f"{{post: '{POST}', key_file: key}}", ".key_file", "an absolute path", ""),
    (f"{{post: '{POST}', key_env: K, key_file: /k}}", ".key_file", "one of key_env", ""),
    (f"{{url: '{POST}'}}", ".url", "there is no option", "post"),
    ("true", "", "none, or what happens", ""),
    ("never", "", "none, or what happens", ""),
]
AFTER_CASES = [
    Case(f"{before}{options}{behind}", line, f"{place}{path}", says, nearest)
    for before, behind, line, place in (
        ("after: ", "", 5, "after"),
        ("rules: [{name: a, rules: [{name: b, after: ", "}]}]", 4, "rules[0].rules[0].after"),
        ("rules: [{name: a, after: ", "}]", 4, "rules[0].after"),
    )
    for options, path, says, nearest in _OPTIONS
]
