"""Harder labs: each variant makes the legacy server or its store less ordinary."""

from .settings import Lab

ALL = {
    "store-tls": "etcd asks for certificates and a user",
    "no-checksums": "h1 without data checksums and wal_log_hints",
    "localhost": "h1 listens on localhost only",
    "old-server": "tablespaces, pg_wal on another disk, max_connections 1000, archiving, slots of others, "
                  "synchronous_standby_names, a long-used name with blanks",
    "standby": "h2 is a streaming standby of h1 already",
    "backup": "h1 archives into a pgBackRest repository of its own, which h2 and h3 read over SSH",
}


def initdb_options(lab: Lab) -> str:
    options = [] if "no-checksums" in lab.variants else ["--data-checksums"]
    if "old-server" in lab.variants:
        options.append("--waldir=/srv/wal/main")
    return " ".join(options)


def before_creation(lab: Lab) -> str:
    if "old-server" not in lab.variants:
        return ""
    # The other disk is there on every host, as machines of one series have it.
    return "install -d -o postgres -g postgres -m 700 /srv/wal /srv/space /srv/space/one '/srv/space/two words' /srv/archive"


def settings(lab: Lab) -> str:
    lines = {"listen_addresses": "localhost" if "localhost" in lab.variants else "*", "max_connections": "120"}
    if "no-checksums" in lab.variants:
        lines["wal_log_hints"] = "off"
    if "old-server" in lab.variants:
        lines |= {"max_connections": "1000", "archive_mode": "on", "archive_command": "cp %p /srv/archive/%f",
                  "wal_level": "logical", "synchronous_commit": "on"}
    if "backup" in lab.variants:
        lines |= {"archive_mode": "on", "archive_command": "pgbackrest --stanza=main archive-push %p"}
    return "\n".join(f"{name} = '{value}'" for name, value in lines.items())


def after_creation(lab: Lab) -> str:
    script = ""
    if "old-server" in lab.variants:
        script += """
runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 bench <<'END'
create tablespace one location '/srv/space/one';
create tablespace "two words" location '/srv/space/two words';
create table in_one(n int) tablespace one;
create table in_two(n int) tablespace "two words";
insert into in_one select generate_series(1, 1000);
insert into in_two select generate_series(1, 1000);
select lo_from_bytea(0, convert_to('large object ' || n, 'UTF8')) from generate_series(1, 100) n \\g /dev/null
do $do$ begin for n in 1..5000 loop execute format('create table many_%s(n int)', n); end loop; end $do$;
select pg_create_logical_replication_slot('consumer', 'pgoutput') \\g /dev/null
select pg_create_physical_replication_slot('somebodys_backup', true) \\g /dev/null
create database "it's ""a name"" $(id)";
END
"""
    if "standby" in lab.variants:
        script += f"""
runuser -u postgres -- psql -qAtX -c "create role old_replicator login replication password 'old-secret'"
echo "host replication old_replicator {lab.subnet} scram-sha-256" >> $conf/pg_hba.conf
systemctl reload postgresql@15-main.service
"""
    return script
