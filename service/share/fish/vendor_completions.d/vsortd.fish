# Tab completion of vsortd for fish: vsortd completion fish | source
function __vsortd_ask
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    string match -q -- '-*' "$current"; or set current ''
    set -lx _VSORTD_COMPLETE fish
    set -lx _VSORTD_COMPLETE_WORDS (string join -- \x1f $typed[2..-1] $current | string collect)
    set -g __vsortd_offers (command vsortd 2>/dev/null)
    test (count $__vsortd_offers) -gt 0
end
function __vsortd_tell
    printf '%s\n' $__vsortd_offers
end
complete --command vsortd --no-files --keep-order --condition __vsortd_ask --arguments '(__vsortd_tell)'
