# Completion of ztshim in bash (and in zsh after `bashcompinit`): asks the program itself, so that
# it never knows less than the program does.
_ztshim() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word path=() text
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [ "$word" = -- ] && { compopt -o default; return; }
    # The path of subcommands ends at the first word that is none.
    [[ $word == -* ]] && continue
    "${COMP_WORDS[0]}" "${path[@]}" "$word" --help >/dev/null 2>&1 || continue
    path+=("$word")
  done
  text=$("${COMP_WORDS[0]}" "${path[@]}" --help 2>/dev/null) || return
  case $previous in
    --home) compopt -o dirnames; return ;;
    --planet|--key|--out) compopt -o default; return ;;
  esac
  if [[ $current == -* ]]; then
    word=$(grep -oE -- '--[a-z0-9-]+' <<<"$text" | sort -u)
  else
    word=$(sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\).*/\1/p' <<<"$text")
    [ -n "$word" ] || compopt -o default
  fi
  mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
}
complete -F _ztshim ztshim
