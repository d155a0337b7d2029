import Inventory
import PostgresModel

extension PlanContext {
    /// The unit that would start the server on a member; nil where there is none to keep away.
    func legacyUnit(of host: HostSpec) -> String? {
        if let service = postgres(of: host).service {
            return service.hasSuffix(".service") ? service : service + ".service"
        }
        guard let unit = server.unit, unit.hasSuffix(".service"), unit != layout.unit else {
            return debianUnit
        }
        return unit
    }

    private var debianUnit: String? {
        server.debianCluster.map { cluster in
            "postgresql@\(cluster.split(separator: "/").joined(separator: "-")).service"
        }
    }

    func legacyUnitChange(of host: HostSpec) -> LegacyUnitChange? {
        guard let unit = legacyUnit(of: host) else { return nil }
        let isPrimary = host.name == primary.name
        return LegacyUnitChange(
            unit: unit,
            dropIn: FileWrite(
                path: "/etc/systemd/system/\(unit).d/zz-pgadopt.conf", content: dropIn(of: unit)),
            marker: FileWrite(
                path: layout.marker,
                content: "\(unit) belongs to the pgadopt agent \(layout.unit). pgadopt release removes this file.\n"),
            startConf: startConf, scope: isPrimary ? layout.serverScope : nil,
            postmaster: isPrimary ? postmaster : nil, pidFile: isPrimary ? pidFile : nil, agentUnit: layout.unit)
    }

    /// Every line here was tried on Debian 12: RefuseManualStop alone still lets `systemctl restart postgresql`
    /// through PartOf; with these the unit goes inactive and the server is not touched. Without PIDFile= systemd
    /// would then delete the server's pid file, and pg_lsclusters would call the server down.
    private func dropIn(of unit: String) -> String {
        """
        # Written by pgadopt: cluster \(spec.name) is run by \(layout.unit).
        # This unit must neither start nor stop the server. pgadopt release removes this file.
        [Unit]
        RefuseManualStart=yes
        RefuseManualStop=yes
        ConditionPathExists=!\(layout.marker)

        [Service]
        Restart=no
        PIDFile=
        ExecStartPre=
        ExecStart=
        ExecStart=/bin/true
        ExecStartPost=
        ExecReload=
        ExecStop=
        ExecStopPost=
        KillMode=none
        SendSIGKILL=no

        """
    }

    /// Debian's pg_ctlcluster asks this file when it is called without systemd.
    private var startConf: String? {
        guard let cluster = server.debianCluster, let directory = configDirectory else { return nil }
        return directory.hasSuffix(cluster) ? "\(directory)/start.conf" : nil
    }

    private var pidFile: String? {
        sql.setting("external_pid_file").flatMap { $0.isEmpty ? nil : $0 }
            ?? server.debianCluster.map { cluster in
                "/run/postgresql/\(cluster.split(separator: "/").joined(separator: "-")).pid"
            }
    }
}
