"""The scripts that make Tab complete, one for each shell.

Each asks `vsortd` in two variables: `_VSORTD_COMPLETE` names the shell, `_VSORTD_COMPLETE_WORDS` holds what was typed,
put together with the character 0x1F. What comes back (see `vsortd.cli.completion_answer`) is data, a line for each
offer: no shell evaluates any of it, and each quotes what it puts in, since an offer may be a stranger's file name.
zsh and fish choose among the offers themselves, by what was typed and their user's own rules of matching.
"""

from __future__ import annotations

from typing import Final

SEPARATOR: Final = "\x1f"

# The offers come quoted already: bash itself has only `-o filenames`, which adds a slash to a rule's name where the
# working directory holds a folder of that name, and which expands a tilde.
_BASH = """\
# Tab completion of vsortd for bash: eval "$(vsortd completion bash)"
_vsortd_completion() {
    local offer typed="${COMP_LINE:0:COMP_POINT}"$'\\x1f'"$2"
    COMPREPLY=()
    while IFS= read -r offer; do
        COMPREPLY+=("$offer")
    done < <(_VSORTD_COMPLETE=bash _VSORTD_COMPLETE_WORDS="$typed" command vsortd 2>/dev/null)
}
complete -o default -F _vsortd_completion vsortd
"""

# The last lines: a file in $fpath is run as the function itself at the first Tab.
_ZSH = """\
#compdef vsortd
# Tab completion of vsortd for zsh: eval "$(vsortd completion zsh)" behind compinit, or as a file _vsortd in $fpath
_vsortd() {
    local -a typed offers
    (( CURRENT > 2 )) && typed=("${(@Q)words[2,CURRENT-1]}")
    [[ $PREFIX == -* ]] && typed+=("${(Q)PREFIX}") || typed+=("")
    offers=(${(f)"$(
        _VSORTD_COMPLETE=zsh _VSORTD_COMPLETE_WORDS="${(pj:\\x1f:)typed}" command vsortd 2>/dev/null
    )"})
    if (( $#offers )); then
        _describe -V vsortd offers
    else
        _files
    fi
}
if [[ "${funcstack[1]}" == _vsortd ]]; then
    _vsortd "$@"
else
    compdef _vsortd vsortd
fi
"""

_FISH = """\
# Tab completion of vsortd for fish: vsortd completion fish | source
function __vsortd_ask
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    string match -q -- '-*' "$current"; or set current ''
    set -lx _VSORTD_COMPLETE fish
    set -lx _VSORTD_COMPLETE_WORDS (string join -- \\x1f $typed[2..-1] $current | string collect)
    set -g __vsortd_offers (command vsortd 2>/dev/null)
    test (count $__vsortd_offers) -gt 0
end
function __vsortd_tell
    printf '%s\\n' $__vsortd_offers
end
complete --command vsortd --no-files --keep-order --condition __vsortd_ask --arguments '(__vsortd_tell)'
"""

_POWERSHELL = """\
# Tab completion of vsortd for PowerShell: vsortd completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName vsortd -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @(foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        if ($element.Extent.EndOffset -lt $cursorPosition) {
            if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $element.Value
            } else {
                $element.Extent.Text
            }
        }
    }) + @(([string]$wordToComplete).TrimStart([char[]](34, 39)))
    $program = Get-Command -Name vsortd -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($null -eq $program) { return }
    $language = [System.Management.Automation.Language.CodeGeneration]
    $encoding = [Console]::OutputEncoding
    try {
        $Env:_VSORTD_COMPLETE = 'powershell'
        $Env:_VSORTD_COMPLETE_WORDS = $typed -join [string][char]0x1f
        try { [Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false) } catch { }
        foreach ($line in @(& $program 2>$null)) {
            $value, $told = ([string]$line).Split([char]9)
            if ($value.Length -eq 0) { continue }
            $put = $value
            if ($value -notmatch '^[A-Za-z0-9_./\\\\:=-]+$') {
                $put = "'" + $language::EscapeSingleQuotedStringContent($value) + "'"
            }
            if ([string]::IsNullOrEmpty($told)) { $told = $value }
            [System.Management.Automation.CompletionResult]::new($put, $value, 'ParameterValue', [string]$told)
        }
    } finally {
        Remove-Item -Path Env:_VSORTD_COMPLETE, Env:_VSORTD_COMPLETE_WORDS -ErrorAction SilentlyContinue
        try { [Console]::OutputEncoding = $encoding } catch { }
    }
}
"""

SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}
