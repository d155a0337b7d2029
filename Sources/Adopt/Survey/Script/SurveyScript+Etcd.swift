extension SurveyScript {
    /// What is there of etcd. apt-cache is told to keep its cache in memory: the survey writes nothing.
    static let etcd = #"""
        survey_etcd() {
            while [ $# -gt 1 ]; do
                if [ "$1" = --etcd ]; then one_etcd "$2"; fi
                shift 2
            done
        }
        one_etcd() { # SCOPE
            program=; for f in /usr/bin/etcd /usr/local/bin/etcd; do
                if [ -z "$program" ] && [ -x "$f" ]; then program=$f; fi
            done
            version=; if [ -n "$program" ]; then version=$($t5 "$program" --version | head -n 1); fi
            manager=; for m in apt-get dnf yum; do
                if [ -z "$manager" ] && have $m; then manager=$m; fi
            done
            policy=
            if [ "$manager" = apt-get ]; then
                policy=$($t20 apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy etcd-server etcd)
            fi
            found=
            for p in /proc/[0-9]*; do
                comm=; { read -r comm < "$p/comm"; } 2>/dev/null
                if [ "$comm" != etcd ]; then continue; fi
                if [ "$(ask readlink "$p/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]; then continue; fi
                found="$found${p#/proc/} $(tail -n 1 "$p/cgroup")$nl"
            done
            d=/var/lib/pgadopt/$1/etcd
            set_up=no
            if ask test -e "$d/etcd.conf.yml" && [ -e /etc/systemd/system/pgadopt-etcd@.service ]; then set_up=yes; fi
            rec etcd scope "$1" program "$program" version "$version" manager "$manager" policy "$policy" \
                processes "$found" setup $set_up member "$(ask cat "$d/tls/member.pem")" \
                agent "$(ask cat "/etc/pgadopt/$1/store-cert.pem")"
            one_target etcd "$d/data"
        }
        """#
}
