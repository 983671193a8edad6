"""Completion in the shell: `lab completion SHELL` prints a script that asks `lab __complete -- WORDS…`."""

from __future__ import annotations

from argparse import Namespace

from lab.cli.complete import candidates, folders
from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.errors import LabError

commands = Declarations("Shell")

# Readline breaks words at `:`, `=` and, on many machines, `@`; Lab does not. The script takes words between blanks,
# and hands readline what stands after its last break.
_BASH = r"""_lab() {
    local line="${COMP_LINE:0:COMP_POINT}" word prefix="" breaks="" char candidate
    local -a words
    read -ra words <<<"$line"
    word="${line##*[[:space:]]}"
    [[ -z $word ]] && words+=("")
    for char in : = @; do
        [[ $COMP_WORDBREAKS == *"$char"* ]] && breaks+="$char"
    done
    [[ -n $breaks ]] && prefix="${word%"${word##*[$breaks]}"}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"$prefix"}")
    done < <(lab __complete -- "${words[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _lab lab
"""

_ZSH = r"""#compdef lab
_lab() {
    local -a found open closed
    found=("${(@f)$(lab __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z "${found[1]}" ]]; then
        _files
        return
    fi
    open=("${(@M)found:#*[=:]}")
    closed=("${(@)found:#*[=:]}")
    [[ -n "${open[1]}" ]] && compadd -S '' -- "${open[@]}"
    [[ -n "${closed[1]}" ]] && compadd -- "${closed[@]}"
}
compdef _lab lab
"""

_FISH = r"""function __lab_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l found (lab __complete -- $words (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c lab -f -a '(__lab_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@commands.add(
    "completion",
    help="print a script that makes the shell complete commands and names",
    example='eval "$(lab completion bash)"',
    arguments=(
        argument("shell", metavar="SHELL", choices=tuple(SCRIPTS), completes="bash|zsh|fish", help="bash, zsh or fish"),
    ),
)
def completion(context: Context, args: Namespace) -> int:
    if context.out.json:
        context.out.document({"shell": args.shell, "script": SCRIPTS[args.shell]})
    else:
        context.out.script(SCRIPTS[args.shell])
    return 0


@commands.add(
    "__complete",
    help="words that may stand for the last one",
    arguments=(argument("words", metavar="WORD", nargs="*", help="what is typed after 'lab'"),),
    hidden=True,
)
def complete(context: Context, args: Namespace) -> int:
    home, project = folders(args.words)
    asked = Context(context.out, home, project, context.commands)
    try:
        found = candidates(asked, args.words)
    except LabError:
        # The shell is in the middle of a line: there is no place for a sentence, and the command itself will say it.
        found = []
    finally:
        asked.close()
    if context.out.json:
        context.out.document({"items": found, "total": len(found)})
    else:
        for word in found:
            context.out.line(word)
    return 0
