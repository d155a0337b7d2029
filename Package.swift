// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: Swift 6 mode (from the tools version) and no warning survives.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A target whose sources live at `path`.
func module(_ name: String, _ path: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: strict)
}

/// The tests of one module, in `Tests/<name>`.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, swiftSettings: strict)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "pgadopt",
    products: [
        .executable(name: "pgadopt", targets: ["pgadopt"]),
        .executable(name: "pgadopt-agent", targets: ["pgadopt-agent"]),
        .executable(name: "pgadopt-guard", targets: ["pgadopt-guard"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.10.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
    ],
    targets: [
        // C libraries of the system, and the few calls Swift cannot make by itself.
        .systemLibrary(name: "CLibPQ", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibSSH2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "CLibYAML", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CKernel"),

        // Foundations. JSON, Shell, PostgresModel and Timekeeping are pure.
        module("JSON", "Sources/JSON"),
        module("Shell", "Sources/Shell"),
        module("YAML", "Sources/YAML", ["CLibYAML"]),
        module("PostgresModel", "Sources/PostgreSQL/Model"),
        module("PostgresClient", "Sources/PostgreSQL/Client", ["CLibPQ", "Kernel", "PostgresModel", "Timekeeping"]),
        module("SSH", "Sources/SSH", [
            "CLibSSH2", "Shell", crypto, .product(name: "CryptoExtras", package: "swift-crypto"),
        ]),
        module("Etcd", "Sources/Etcd", nio + [
            .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            .product(name: "NIOHPACK", package: "swift-nio-http2"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ]),

        // inventory -> facts -> findings -> plan -> steps
        module("Inventory", "Sources/Inventory", ["YAML", "PostgresModel"]),
        module("Facts", "Sources/Adopt/Facts", ["PostgresModel"]),
        module("Survey", "Sources/Adopt/Survey", ["Certificates", "Facts", "Inventory", "JSON", "PostgresModel", "Shell"]),
        module("Preflight", "Sources/Adopt/Preflight", ["Facts", "Inventory", "PostgresModel", "YAML"]),
        module("Planning", "Sources/Adopt/Planning", [
            "Facts", "Inventory", "Preflight", "PostgresModel", "Cluster", "Configuration", "YAML", "JSON", crypto,
        ]),
        module("Report", "Sources/Adopt/Report", ["Planning", "Preflight", "Cluster", "Inventory", "JSON", "PostgresModel"]),
        module("Certificates", "Sources/Adopt/Certificates", [
            crypto, .product(name: "X509", package: "swift-certificates"),
        ]),
        module("Execution", "Sources/Adopt/Execution", [
            "Certificates", "Planning", "Facts", "Inventory", "Shell", "JSON", "PostgresModel", "Configuration", crypto,
        ]),

        // observe -> decide -> act
        module("Timekeeping", "Sources/Runtime/Timekeeping"),
        module("Kernel", "Sources/Runtime/Kernel", ["CKernel", "Timekeeping"]),
        module("Cluster", "Sources/Runtime/Cluster", ["JSON", "PostgresModel"]),
        module("Configuration", "Sources/Runtime/Configuration", ["YAML", "JSON", "Cluster", "PostgresModel"]),
        module("HACore", "Sources/Runtime/HACore", ["Cluster", "PostgresModel", "Timekeeping"]),
        module("Guard", "Sources/Runtime/Guard", ["CKernel", "Kernel", "Timekeeping"]),
        module("Server", "Sources/Runtime/Server", [
            "Kernel", "PostgresClient", "PostgresModel", "HACore", "Timekeeping", "Configuration", "JSON", log,
            .product(name: "Subprocess", package: "swift-subprocess"),
        ]),
        module("Store", "Sources/Runtime/Store", [
            "Etcd", "Cluster", "JSON", "PostgresModel", "Timekeeping", "Kernel", log,
        ]),
        module("API", "Sources/Runtime/API", nio + [
            "PostgresModel", "Timekeeping", .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            "JSON", "Cluster", log,
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ]),
        module("Relay", "Sources/Runtime/Relay", nio + [
            "Timekeeping", log, .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "NIOTLS", package: "swift-nio"),
        ]),
        module("Agent", "Sources/Runtime/Agent", [
            "HACore", "Server", "Store", "API", "Guard", "Relay", "Configuration", "Kernel", "Etcd", "JSON", "PostgresModel", "Cluster",
            "Timekeeping", log,
        ] + nio),

        // Entry points.
        .executableTarget(name: "pgadopt", dependencies: [
            "Certificates", "Inventory", "Survey", "Preflight", "Planning", "Report", "Execution", "Store", "SSH", "API", "YAML",
            "Kernel", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ], swiftSettings: strict),
        .executableTarget(name: "pgadopt-agent", dependencies: [
            "Agent", "Configuration", "Kernel", "PostgresClient", "PostgresModel", "CLibPQ", "YAML", log,
        ], swiftSettings: strict),
        .executableTarget(name: "pgadopt-guard", dependencies: ["Guard"], swiftSettings: strict),

        tests("JSON", ["JSON"]),
        tests("Shell", ["Shell"]),
        tests("PostgresModel", ["PostgresModel"]),
        module("AgentFixture", "Tests/AgentFixture", [
            "API", "Cluster", "Etcd", "EtcdFixture", "JSON", "Kernel", "PostgresClient", "PostgresModel", "Store", "TestHost", "Timekeeping",
        ] + nio),
        tests("Agent", [
            "Agent", "AgentFixture", "API", "Certificates", "Cluster", "Configuration", "Etcd", "EtcdFixture", "HACore", "JSON", "Kernel", "PostgresClient", "PostgresModel",
            "Server", "Store", "TestHost", "Timekeeping", "pgadopt-agent", "pgadopt-guard",
        ] + nio),
        tests("API", ["API", "Cluster", "JSON", "PostgresModel", "Timekeeping"] + nio),
        tests("Kernel", ["Kernel", "Timekeeping"]),
        tests("Relay", ["Relay", "Certificates", "Kernel", "Timekeeping", log] + nio),
        tests("PostgresClient", ["PostgresClient", "Kernel", "Timekeeping"]),
        tests("Server", ["Server", "HACore", "Kernel", "PostgresClient", "PostgresModel", "TestHost", "Timekeeping", log]),
        tests("Guard", ["Guard", "Kernel", "TestHost", "Timekeeping", "pgadopt-guard"]),
        tests("YAML", ["YAML"]),
        tests("Inventory", ["Inventory", "YAML"], exclude: ["Golden"]),
        module("AdoptFixtures", "Tests/AdoptFixtures", ["Planning", "Facts", "Inventory", "Preflight", "PostgresModel"]),
        tests("Certificates", ["Certificates"]),
        tests("Planning", ["Planning", "AdoptFixtures", "Facts", "Inventory", "PostgresModel"]),
        tests("Execution", [
            "Execution", "AdoptFixtures", "Planning", "Shell", "Facts", "Preflight", "Survey", "Inventory", "PostgresModel",
            "Certificates", "Etcd", "EtcdFixture",
        ]),
        tests("Report", ["Report", "AdoptFixtures", "Planning", "Preflight", "Cluster", "JSON", "PostgresModel"], exclude: ["Golden"]),
        // What people and programs already use with Patroni, against agents on this host; Patroni's own members beside ours.
        tests("Clients", [
            "AgentFixture", "Cluster", "EtcdFixture", "JSON", "PostgresClient", "TestHost", "Timekeeping", "pgadopt-agent", "pgadopt-guard",
        ]),
        // The built program, run as people and init systems run it.
        tests("AgentProgram", ["pgadopt-agent"]),
        tests("Configuration", ["Configuration", "JSON", "PostgresModel", "YAML"]),
        module("EtcdFixture", "Tests/EtcdFixture", ["TestHost"]),
        // What a test needs of the machine that it runs on: free ports, and the programs built with it.
        module("TestHost", "Tests/TestHost", ["Kernel"]),
        tests("Etcd", ["Etcd", "EtcdFixture"] + nio),
        tests("Store", ["Store", "Etcd", "EtcdFixture", "Cluster", "JSON", "PostgresModel", "Kernel", "Timekeeping"]),
        tests("SSH", ["SSH", "Shell", "TestHost"]),
        tests("Timekeeping", ["Timekeeping"]),
        tests("Cluster", ["Cluster"]),
        tests("HACore", ["HACore"], exclude: ["Scenarios"]),
        // The simulator is a library and a program, so that it can run optimised; its tests run a few seeds.
        module("Simulator", "Tests/Simulation/Model", [
            "HACore", "Cluster", "Guard", "JSON", "Kernel", "PostgresModel", "Timekeeping",
        ]),
        .executableTarget(
            name: "simulate", dependencies: ["Simulator"], path: "Tests/Simulation/Command", swiftSettings: strict),
        tests("Simulation", ["Simulator"], exclude: ["Model", "Command"]),
        // Real hosts; the programs are run as an operator runs them.
        tests("Lab", ["JSON"]),
        tests("Facts", ["Facts", "PostgresModel"], exclude: ["Data"]),
        tests("Survey", ["Survey", "Facts", "Inventory", "JSON", "PostgresModel", "Shell"]),
        tests("Preflight", ["Preflight", "Facts", "Inventory", "PostgresModel"]),
    ]
)
