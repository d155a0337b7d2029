extension SurveyScript {
    /// What the OS user that owns the data sees of pgBackRest. `info` reads the repository, takes no lock and writes no
    /// log.
    static let pgBackRest = #"""
        survey_pgbackrest() {
            stanza=; stanza_config=
            while [ $# -gt 1 ]; do
                case $1 in
                    --stanza) stanza=$2 ;;
                    --stanza-config) stanza_config=$2 ;;
                esac
                shift 2
            done
            if [ -z "$stanza" ]; then return; fi
            program=$(command -v pgbackrest); version=; told=; code=
            if [ -n "$program" ]; then
                version=$(as "$osuser" $t5 "$program" version)
                set -- --stanza="$stanza" --output=json --log-level-console=off --log-level-stderr=error --log-level-file=off
                if [ -n "$stanza_config" ]; then set -- --config="$stanza_config" "$@"; fi
                told=$(as "$osuser" $t20 "$program" "$@" info 2>&1); code=$?
            fi
            rec pgbackrest program "$program" version "$version" told "$told" code "$code" clock "$(now)"
        }
        """#
}
