# Completion of ztshim in fish: asks the program itself.
function __ztshim_help
    set -l path
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        ztshim $path $word --help >/dev/null 2>&1; and set -a path $word
    end
    ztshim $path --help 2>/dev/null
end
complete -c ztshim -n 'not string match -q -- "-*" (commandline -ct)' \
    -a '(__ztshim_help | sed -n "/^Subcommands:/,\$s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p")'
complete -c ztshim -n 'string match -q -- "-*" (commandline -ct)' \
    -a '(__ztshim_help | grep -oE -- "--[a-z0-9-]+" | sort -u)'
