import Facts
import Inventory
import PostgresModel

extension PlanContext {
    /// The unit that would start the server on a member; nil where there is none to keep away.
    func legacyUnit(of host: HostSpec) -> String? {
        if let service = postgres(of: host).service {
            return service.hasSuffix(".service") ? service : service + ".service"
        }
        let model = model(of: host)
        guard let unit = model.unit, unit.hasSuffix(".service"), unit != layout.unit else {
            return model.debianCluster.map { cluster in
                "postgresql@\(cluster.split(separator: "/").joined(separator: "-")).service"
            }
        }
        return unit
    }

    func legacyUnitChange(of host: HostSpec) -> LegacyUnitChange? {
        guard let unit = legacyUnit(of: host) else { return nil }
        let running = runningServer(of: host)
        return LegacyUnitChange(
            unit: unit,
            dropIn: FileWrite(
                path: "/etc/systemd/system/\(unit).d/zz-pgadopt.conf", content: dropIn(of: unit)),
            marker: FileWrite(
                path: layout.marker,
                content: "\(unit) belongs to the pgadopt agent \(layout.unit). pgadopt release removes this file.\n"),
            startConf: startConf(of: host), scope: running == nil ? nil : layout.serverScope,
            postmaster: running?.identity, pidFile: running.flatMap(pidFile), agentUnit: layout.unit)
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
    private func startConf(of host: HostSpec) -> String? {
        guard let cluster = model(of: host).debianCluster, let directory = configDirectory(of: host) else { return nil }
        return directory.hasSuffix(cluster) ? "\(directory)/start.conf" : nil
    }

    private func pidFile(of server: ServerFacts) -> String? {
        server.sql?.setting("external_pid_file").flatMap { $0.isEmpty ? nil : $0 }
            ?? server.debianCluster.map { cluster in
                "/run/postgresql/\(cluster.split(separator: "/").joined(separator: "-")).pid"
            }
    }
}
